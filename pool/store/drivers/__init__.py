"""What other drivers keep in the pool's database."""
