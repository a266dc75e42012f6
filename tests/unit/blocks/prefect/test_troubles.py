"""Events of a pool's troubles: each kind when it begins."""

import pytest

from blocks.prefect.troubles import TroubleEvents

pytestmark = pytest.mark.unit


class Heard(list):
    """Names and reasons of the events that were emitted."""

    def emit(self, name, resource, payload):
        self.append((f"{resource['prefect.resource.name']} {name}", payload["reason"]))


def test_a_trouble_that_goes_on_is_told_once_and_one_that_comes_again_anew():
    told = Heard()
    pool = TroubleEvents(told.emit)
    for found in ({"cut-off": "3 of 4"}, {"cut-off": "2 of 4"}, {}, {"cut-off": "3 of 4"}):
        pool.tell("main", found)
    assert told == [("main dockerdriver.pool.cut-off", "3 of 4")] * 2


def test_another_trouble_and_another_pool_are_told_beside_it():
    told = Heard()
    pools = TroubleEvents(told.emit)
    pools.tell("main", {"cut-off": "3 of 4"})
    pools.tell("main", {"cut-off": "3 of 4", "quota-short": "none left"})
    pools.tell("gpu", {"cut-off": "1 of 2"})
    assert [name for name, _ in told[1:]] == ["main dockerdriver.pool.quota-short", "gpu dockerdriver.pool.cut-off"]
