"""One tick: what was observed, how it differs from SQL, what is decided."""
