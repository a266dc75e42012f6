"""What visitors are told of a session that does not answer: nothing that the operator alone may know."""

import pytest

from pool.housekeeping.observation import Observation, RuleContext
from pool.housekeeping.plan import expired, host_lost, idle
from pool.reports.visitor_notices import notice_of
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

LOST = a_host(state=HostState.FAILED, reason="10.0.0.5 does not answer")


def reason_of(rule) -> str:
    """The reason that housekeeping itself gives."""
    case = RuleContext(Observation((LOST,), (), None, watched_since=NOW), PoolSettings(), later(9999))
    return rule(an_instance(idle_timeout=60), case).reason


def ended(reason: str, **values):
    return notice_of(an_instance(state=InstanceState.DELETED, reason=reason, **values))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (expired, "Its time was over."),
        (idle, "It was not used for a while."),
        (host_lost, "The machine that it ran on was lost."),
    ],
)
def test_why_housekeeping_ended_a_session_is_said_in_the_visitors_words(rule, words):
    assert ended(reason_of(rule)).words == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("pool main is full: 1 slot requested, 0 free on 4 active hosts", "There was no room for it."),
        ("its container on main-01 ran out of memory", "It needed more memory than it may have."),
        ("instance alice-1: nothing answered on main-01 within 60 s", "It could not be started."),
    ],
)
def test_a_session_that_never_ran_says_so_and_names_no_host(reason, words):
    assert ended(reason, expires_at=None).words == words


def test_an_unforeseen_end_is_not_quoted():
    assert ended("host main-01 at 10.0.0.5 burns").words == "It could not go on."


def test_a_session_on_its_way_tells_how_far_it_is():
    assert notice_of(an_instance(state=InstanceState.QUEUED)).page == "queued"
    queued = notice_of(an_instance(state=InstanceState.QUEUED), position=3, estimate_seconds=90)
    assert (queued.position, queued.estimate_seconds) == (3, 90)
    starting = notice_of(an_instance(state=InstanceState.STARTING), "Waiting for the notebook.")
    assert (starting.page, starting.words, starting.at) == ("starting", "Waiting for the notebook.", NOW.timestamp())


def test_a_session_that_runs_has_no_notice():
    assert notice_of(an_instance()) is None
