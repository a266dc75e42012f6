"""What a throwaway container finds open, on a real engine whose host has no rules."""

import pytest

from blocks.engine.client import ENGINE_PORT
from blocks.engine.probes.escape import open_doors
from pool.hosts.escapes import Door

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract


def test_an_open_door_is_found_beside_doors_that_answer_nothing(engine, host):
    there = Door("the host", host.address, ENGINE_PORT)
    silent = [Door("no host", host.address.removesuffix("2") + str(number), 22) for number in range(7, 10)]
    assert open_doors(engine, [*silent, there, *silent]) == [str(there)]
