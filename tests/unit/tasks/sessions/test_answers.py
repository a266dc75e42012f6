"""The answer to the platform, as tasks compose it."""

import pytest

from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.link_keys import LinkKeys
from pool.sessions.estimates import QueuePosition
from pool.states import InstanceState
from tasks.publishing.platform import answer_for
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def installation():
    stored = FakeBlocks({LinkKeys: {"main": LinkKeys.create()}})
    with standing_in(fake_outside(settings=ProcessSettings(_env_file=None), stored=stored)):
        yield


def test_a_session_that_waits_is_told_its_position_and_what_else_it_could_have():
    waits = an_instance(state=InstanceState.QUEUED, host=None, expires_at=None)
    told = answer_for(waits, QueuePosition(2, 90, "slots are free on main-01"))
    assert (told["position"], told["estimated_wait"], told["notice"]) == (2, 90, "slots are free on main-01")
    assert answer_for(waits)["notice"] == ""
