"""The OpenStack cloud: hosts are servers of one project."""
