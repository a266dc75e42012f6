"""The flows that keep house, and those that say what it would do."""
