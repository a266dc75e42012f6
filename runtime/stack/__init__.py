"""The stack on one machine: start, watch and stop its processes."""
