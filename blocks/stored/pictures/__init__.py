"""The pictures of our kinds of blocks, as Prefect's UI shows them."""
