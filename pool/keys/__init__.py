"""The installation's own keys: how each is replaced while everything runs."""
