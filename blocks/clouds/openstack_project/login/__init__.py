"""How a project is logged in to: the fields of a block, clouds.yaml, and the clients that calls share."""
