"""RStudio, or what stands in for it, as a session."""
