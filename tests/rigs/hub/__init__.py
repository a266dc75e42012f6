"""A real JupyterHub, and a pool of paper behind Prefect's API for its servers."""
