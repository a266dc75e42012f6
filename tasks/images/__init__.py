"""Tasks for notebook images."""
