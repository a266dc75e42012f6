"""What browsers get of Prefect's server besides what programs get."""
