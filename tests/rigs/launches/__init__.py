"""Ways to have a notebook, each timed from the asking to its first answer: by no manager, by ours, by JupyterHub."""
