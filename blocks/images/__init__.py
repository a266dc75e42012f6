"""Images on their way: archives, layers, registries, pushes and pulls."""
