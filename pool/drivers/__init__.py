"""What other drivers on the same installation may keep here."""
