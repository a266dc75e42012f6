"""Addresses of this machine, and which account listens there."""
