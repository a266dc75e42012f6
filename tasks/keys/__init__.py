"""Steps of the rotation of keys."""
