"""The databases of an installation: which there are, the stack's own PostgreSQL, and the move to it."""
