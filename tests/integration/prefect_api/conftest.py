"""What the tests of Prefect's API share."""

from collections.abc import Iterator

import pytest

from tests.rigs.services.guarded_server import GuardedServer


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """One server with a password for all who do not change it for the others."""
    it = GuardedServer(tmp_path_factory.mktemp("guarded"))
    try:
        it.start()
        yield it
    finally:
        it.stop()
