"""What an engine's containers are called and do, and their files: as streams, as a list."""
