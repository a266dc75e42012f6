"""The processes of the stack: what supervisord runs, in which environment, and the password they share."""
