"""What integration tests share."""

from tests.rigs.services.prefect_server import prefect_server

__all__ = ["prefect_server"]
