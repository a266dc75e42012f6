"""The reference of settings, flows and commands: written by the code that has them, so that none is missing."""
