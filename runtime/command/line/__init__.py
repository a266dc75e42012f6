"""The command line itself: its version, and what a shell completes of it."""
