"""The warm worker: runs flows in a process that has already imported them."""
