"""Simulated worlds, for every test of the simulator."""

import pytest

from tests.rigs.simulator.lives import lives


@pytest.fixture(scope="module")
def ours():
    with lives() as ours:
        yield ours
