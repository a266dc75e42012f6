"""Sessions on one host, of which one uses up what it can."""
