"""One retryable verb each; retries, timeouts and concurrency are declared here."""
