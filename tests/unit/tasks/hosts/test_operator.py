"""How long a drain may be given."""

import asyncio
from types import SimpleNamespace

import pytest
from prefect.utilities.callables import parameter_schema

from blocks.outside import standing_in
from flows.hosts.drain_host import drain_host
from pool.errors import BadRequest
from tasks.hosts.operator import take_out_of_service
from tests.rigs.fakes import fake_outside

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("deadline", [0, -5, 10**10])
def test_a_deadline_that_no_date_can_be_reckoned_with_is_refused_before_anything_is_done(deadline):
    said = f"deadline is {deadline}; it must be whole minutes, 1 to 5256000, or empty for none"
    with standing_in(fake_outside(store=SimpleNamespace(writes=0))), pytest.raises(BadRequest, match=said):
        asyncio.run(take_out_of_service.fn("main-01", deadline, "a new kernel"))


def test_the_form_says_how_long_a_drain_may_be_given():
    minutes, nothing = parameter_schema(drain_host).properties["deadline"]["anyOf"]
    assert minutes == {"type": "integer", "minimum": 1, "maximum": 5_256_000}
    assert nothing == {"type": "null"}
