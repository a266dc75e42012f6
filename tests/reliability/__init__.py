"""Kill anything, anywhere, and see what two ticks of housekeeping leave of it. Run by `make kill-anywhere`."""
