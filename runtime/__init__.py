"""What runs the flows: the warm worker, the one-command stack, the ``dockerdriver`` command."""
