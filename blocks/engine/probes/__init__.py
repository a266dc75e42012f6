"""What is found out about a host's engine: by looks at it, and by a throwaway container."""
