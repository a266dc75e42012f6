"""Tasks for hosts."""
