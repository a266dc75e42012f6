"""The answer to the platform, as tasks compose it."""

from types import SimpleNamespace

import pytest

from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.link_keys import LinkKeys
from pool.sessions.drain import notice
from pool.sessions.estimates import QueuePosition
from pool.sessions.timings import Phase
from pool.states import EndCause, HostState, InstanceState
from tasks.sessions.answers import answer_for
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit


class Store:
    """Sessions that were accepted and picked up, and no more."""

    timings = SimpleNamespace(
        of_each=lambda ids: {one: {Phase.ACCEPTED: NOW, Phase.PICKED_UP: later(0.2)} for one in ids}
    )
    hosts = SimpleNamespace(named=lambda _: {})


@pytest.fixture(autouse=True)
def installation():
    stored = FakeBlocks({LinkKeys: {"main": LinkKeys.create()}})
    with standing_in(fake_outside(settings=ProcessSettings(_env_file=None), stored=stored, store=Store())):
        yield


def test_a_session_that_waits_is_told_its_position_and_what_else_it_could_have():
    waits = an_instance(state=InstanceState.QUEUED, host=None, expires_at=None)
    told = answer_for(waits, QueuePosition(2, 90, "slots are free on main-01"))
    assert (told["position"], told["estimated_wait"], told["notice"]) == (2, 90, "slots are free on main-01")
    assert answer_for(waits)["notice"] == ""


def test_a_session_that_is_over_says_when_it_ended_why_and_by_what_cause():
    over = an_instance(
        state=InstanceState.DELETED, host=None, state_since=later(60), reason="its drain", end_cause=EndCause.DRAINED
    )
    told = answer_for(over)
    assert told["ended_at"] == told["expires_at"] == later(60).isoformat()
    assert (told["state"], told["reason"], told["end_cause"]) == ("deleted", "its drain", "drained")


def test_a_session_whose_host_does_not_answer_says_so():
    silent = a_host(unreachable_since=NOW)
    assert notice(silent) == "its host main-01 does not answer since 2026-01-05 08:00 UTC"
    drains = a_host(unreachable_since=NOW, state=HostState.DRAINING, reason="a new kernel")
    assert notice(drains).endswith("; its host main-01 is taken out of service: a new kernel")


def test_a_session_that_is_moved_starts_to_its_platform_and_the_notice_says_where_it_goes(monkeypatch):
    monkeypatch.setattr(Store, "hosts", SimpleNamespace(named=lambda names: {name: a_host(name) for name in names}))
    told = answer_for(an_instance(state=InstanceState.MOVING, reason="from main-01 to main-02: a new kernel"))
    assert (told["state"], told["host"]) == ("starting", "main-01")
    assert told["notice"] == "it is being moved from main-01 to main-02: a new kernel"
    assert told["launch_url"].startswith(told["url"])


def test_the_answer_says_when_its_request_was_accepted_and_how_long_each_phase_took():
    told = answer_for(an_instance(state=InstanceState.QUEUED, host=None))
    assert (told["accepted_at"], told["phases"]) == (NOW.isoformat(), {"picked_up": 0.2})
