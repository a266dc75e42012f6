"""Tasks that keep what sessions made, and bring it back."""
