"""The documents in which Prefect keeps blocks: loaded, kept, read from a file or from words, refused."""
