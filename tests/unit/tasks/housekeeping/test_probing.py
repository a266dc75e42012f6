"""Looking at all hosts at once: what one of them answers is trouble of its own."""

import asyncio

import pytest

from blocks.engine.containers.name import listed_name
from blocks.engine.of_host import Engines
from blocks.outside import standing_in
from pool.housekeeping.found import Probe
from tasks.housekeeping import probing
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit


class OddEngines(Engines):
    """One host answers what has no form that we know."""

    def __init__(self):
        pass

    def probe(self, host):
        if host.name == "main-01":
            raise KeyError("Names")
        return Probe(answers=True)


def test_an_engine_that_answers_oddly_spoils_no_other_look():
    with standing_in(fake_outside(engines=OddEngines())):
        seen = asyncio.run(probing.probe_hosts([a_host(name="main-01"), a_host(name="main-02")]))
    assert seen == {"main-02": Probe(answers=True)}


@pytest.mark.parametrize(
    ("names", "name"), [(["/dd-alice"], "dd-alice"), ([], "f00d"), (None, "f00d")], ids=["named", "none", "null"]
)
def test_a_container_without_a_name_is_called_by_its_id(names, name):
    assert listed_name({"Id": "f00d", "Names": names}) == name
