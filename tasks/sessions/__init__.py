"""Tasks for sessions."""
