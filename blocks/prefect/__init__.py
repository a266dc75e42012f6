"""Prefect as the outside: its API, its database, and what flows and tasks ask of it."""
