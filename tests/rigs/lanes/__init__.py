"""Lanes: runs of pytest that run beside each other, and the second look at what failed in them."""
