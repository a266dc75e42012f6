"""One step each, which may be repeated; what is tried again, and how often, is declared here."""
