"""Tasks and a client by which other drivers' flows keep their state."""
