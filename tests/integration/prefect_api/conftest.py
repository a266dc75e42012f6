"""What the tests of Prefect's API share."""

from collections.abc import Iterator

import pytest

from tests.rigs.services.guarded_server import GuardedServer
from tests.rigs.services.prefect_server import running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """One server with a password for all who do not change it for the others."""
    with running(GuardedServer(tmp_path_factory.mktemp("guarded"))) as it:
        yield it
