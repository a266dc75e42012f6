"""What containers of the manager's own are called on a host, beside those of sessions."""

import pytest

from blocks.engine import client
from blocks.engine.containers import inventories
from blocks.engine.probes import escape
from pool.errors import BadRequest
from pool.names import check_instance_id
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", [client.SELF_TEST, escape.NAME, inventories.PREFIX])
def test_no_session_can_be_asked_for_whose_container_a_test_of_its_host_would_remove(name):
    before = an_instance("x").container.removesuffix("x")
    with pytest.raises(BadRequest):
        check_instance_id(name.removeprefix(before))
