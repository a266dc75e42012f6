"""Commands that only look: what is on record, what is to come."""
