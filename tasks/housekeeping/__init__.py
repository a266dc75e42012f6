"""Tasks of a tick."""
