"""The command `dockerdriver`."""
