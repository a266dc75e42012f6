"""What sessions leave behind and get back: life cycle and records of backups, and the rules about them."""
