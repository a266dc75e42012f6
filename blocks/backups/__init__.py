"""Where backups are kept, and what they are made of."""
