"""The lanes of tests, and the second look at what failed in them."""
