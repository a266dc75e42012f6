"""Stored settings and secrets, and the client that each one opens."""
