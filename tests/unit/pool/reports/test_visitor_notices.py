"""What visitors are told of a session that does not answer: nothing that the operator alone may know."""

from typing import Any

import pytest

from pool.housekeeping.found import ContainerOutcome
from pool.housekeeping.observation import Observation, RuleContext
from pool.housekeeping.plan import expired, host_lost, idle
from pool.housekeeping.reconciliation import RUNNING_SESSION
from pool.records import Instance, Notice
from pool.reports.visitor_notices import MOVED, MOVING, WAITS_MOVED, WHY_ENDED, notice_of
from pool.settings import PoolSettings
from pool.states import EndCause, HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later
from tests.rigs.present import present

pytestmark = pytest.mark.unit

LOST = a_host(state=HostState.FAILED, reason="10.0.0.5 does not answer")


def told_of(instance: Instance, words: str = "", **facts: Any) -> Notice:
    return present(notice_of(instance, words, **facts))


def words_of(cause: EndCause | None, reason: str = "") -> str:
    """What visitors of a session that ended read."""
    return told_of(an_instance(state=InstanceState.DELETED, reason=reason, end_cause=cause)).words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (expired, "Its time was over."),
        (idle, "It was not used for a while."),
        (host_lost, "The machine that it ran on was lost."),
    ],
)
def test_why_housekeeping_ended_a_session_is_said_in_the_visitors_words(rule, words):
    case = RuleContext(Observation((LOST,), (), None, watched_since=NOW), PoolSettings(), later(9999))
    assert words_of(rule(an_instance(idle_timeout=60), case).cause) == words


@pytest.mark.parametrize("cause", list(EndCause))
def test_every_cause_has_words_that_name_no_host(cause):
    assert words_of(cause, "host main-01 at 10.0.0.5 burns") == WHY_ENDED[cause]


def test_a_session_whose_host_rebooted_is_not_told_that_the_machine_was_lost():
    reboot = RUNNING_SESSION[ContainerOutcome.STOPPED_WITH_ENGINE]
    assert words_of(reboot.cause) == "The machine that it ran on was restarted, and it could not be started again."


def test_an_end_without_a_cause_is_not_quoted():
    assert words_of(None, "host main-01 at 10.0.0.5 burns") == "It could not go on."


def test_a_session_on_its_way_tells_how_far_it_is():
    assert told_of(an_instance(state=InstanceState.QUEUED)).page == "queued"
    queued = told_of(an_instance(state=InstanceState.QUEUED), position=3, estimate_seconds=90)
    assert (queued.position, queued.estimate_seconds) == (3, 90)
    starting = told_of(an_instance(state=InstanceState.STARTING), "Waiting for the notebook.")
    assert (starting.page, starting.words, starting.at) == ("starting", "Waiting for the notebook.", NOW.timestamp())


def test_a_session_that_runs_has_no_notice():
    assert notice_of(an_instance()) is None


def test_a_session_that_is_moved_says_so_until_it_runs_elsewhere():
    moving = told_of(an_instance(state=InstanceState.MOVING))
    assert (moving.page, moving.words) == ("moving", MOVING)
    begins = told_of(an_instance(state=InstanceState.STARTING, carried="alice-1.2"))
    assert (begins.page, begins.words, begins.at) == ("moving", MOVED, NOW.timestamp())
    waits = told_of(an_instance(state=InstanceState.QUEUED, host=None, carried="alice-1.2"), position=1)
    assert (waits.page, waits.words, waits.position) == ("queued", WAITS_MOVED, 1)
