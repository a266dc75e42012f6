"""What several pipelines share: compositions of tasks."""
