"""The ports of a simulated installation, by subject."""
