"""What size of host may be asked for."""

import asyncio
from inspect import unwrap

import pytest
from prefect.utilities.callables import parameter_schema

from blocks.outside import standing_in
from flows.hosts.spawn_host import spawn_host
from pool.errors import BadRequest
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit


def test_the_form_and_the_api_offer_no_other_size_than_the_rule_small_and_large():
    assert parameter_schema(spawn_host).properties["flavor"]["enum"] == ["", "small", "large"]


@pytest.mark.parametrize("odd", ["medium", "SMALL", "small ", "x" * 1000])
def test_another_size_is_refused_in_one_sentence_before_anything_is_done(odd):
    tasks = ScriptedTasks()
    with (
        standing_in(fake_outside(prefect=tasks)),
        pytest.raises(BadRequest, match="is no size of host: it is small or"),
    ):
        asyncio.run(unwrap(spawn_host.fn)("main", odd))
    assert tasks.names == []


@pytest.mark.parametrize(("asked", "claimed"), [("", "large"), ("small", "small")])
def test_without_a_size_the_rule_chooses(asked, claimed):
    tasks = ScriptedTasks(hosts_of=[a_host(reserved=1)], claim_host=a_host())
    with standing_in(fake_outside(prefect=tasks)):
        asyncio.run(unwrap(spawn_host.fn)("main", asked))
    assert [args[1] for name, args, _ in tasks.calls if name == "claim_host"] == [claimed]
