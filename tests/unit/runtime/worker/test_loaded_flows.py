"""Flows that a warm worker imports ahead of their runs."""

import asyncio
import gc
import logging
from typing import Any

import pytest

from runtime.worker.loaded_flows import LoadedFlows

pytestmark = pytest.mark.unit


class FakeServer:
    """Knows no deployment, or does not answer."""

    def __init__(self, away: bool) -> None:
        self._away = away

    async def read_deployments(self, **_):
        if self._away:
            raise ConnectionError
        return []


@pytest.fixture
def _undone():
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.usefixtures("_undone")
def test_the_garbage_collector_passes_over_what_was_imported(away):
    server: Any = FakeServer(away)
    asyncio.run(LoadedFlows().load_ahead(server, "warm", logging.getLogger("test")))
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000
