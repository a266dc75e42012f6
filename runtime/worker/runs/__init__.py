"""The runs of a warm worker: found, claimed, run, told, and settled where they were lost."""
