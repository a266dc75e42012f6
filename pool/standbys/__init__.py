"""Standbys: containers that are started ahead of the sessions that will have them."""
