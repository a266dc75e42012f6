"""Records of hosts: how they are found and moved."""
