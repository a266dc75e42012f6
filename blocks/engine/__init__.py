"""Docker Engines of hosts: run, look, clean."""
