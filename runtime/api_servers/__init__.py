"""Prefect's API served by several processes: what they share, and the nginx before them."""
