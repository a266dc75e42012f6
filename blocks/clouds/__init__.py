"""Clouds: one port, three implementations."""
