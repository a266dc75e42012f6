"""Tasks for the gateway."""
