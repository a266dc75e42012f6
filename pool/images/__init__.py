"""Rules for notebook images: what a pool offers, and how it reaches the hosts."""
