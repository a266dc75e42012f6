"""An S3 store for the tests: OpenStack Swift, by its S3 API."""
