"""Which certificate and key nginx has: what is put in their place is judged before, and copied where nginx reads it."""
