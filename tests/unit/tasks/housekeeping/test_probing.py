"""Looking at all hosts at once: what one of them answers is trouble of its own."""

import asyncio

import pytest
from prefect.logging import disable_run_logger

from blocks.engine.container_name import listed_name
from pool.housekeeping.found import Probe
from tasks.housekeeping import probing
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit


def test_an_engine_that_nobody_understands_spoils_no_other_look(monkeypatch):
    def look(host):
        if host.name == "main-01":
            raise KeyError("Names")
        return Probe(answers=True)

    monkeypatch.setattr(probing, "_probe", look)
    with disable_run_logger():
        seen = asyncio.run(probing.probe_hosts([a_host(name="main-01"), a_host(name="main-02")]))
    assert seen == {"main-02": Probe(answers=True)}


@pytest.mark.parametrize(
    ("names", "name"), [(["/dd-alice"], "dd-alice"), ([], "f00d"), (None, "f00d")], ids=["named", "none", "null"]
)
def test_a_container_without_a_name_is_called_by_its_id(names, name):
    assert listed_name({"Id": "f00d", "Names": names}) == name
