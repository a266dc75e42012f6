"""The life of a thing, told from its changes and the decisions about it."""

import pytest

from pool.changes import Change, HistoryEntry, Noun, history_of
from pool.decisions import Decision, DecisionKind, RecordedDecision
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit


def a_change(number: int, state: str, reason: str = "", host: str = "") -> Change:
    return Change(number, later(number), Noun.HOST, "main-01", "main", state, reason, host)


def test_a_decision_stands_before_the_change_that_it_led_to():
    decided = RecordedDecision(Decision(DecisionKind.DRAIN, "main-01", "its lifetime is over"), 7, "main", later(2))
    lines = history_of([a_change(1, "active", "tested"), a_change(2, "draining", "its lifetime is over")], [decided])
    assert lines == [
        HistoryEntry(later(1), "active", "tested"),
        HistoryEntry(later(2), "tick 7 decided: drain", "its lifetime is over"),
        HistoryEntry(later(2), "draining", "its lifetime is over"),
    ]


def test_a_session_is_said_with_its_host():
    assert history_of([a_change(1, "starting", host="main-01")], [])[0].what == "starting on main-01"


def test_an_event_is_named_by_what_changed_and_its_new_state():
    assert a_change(1, "draining").event == "dockerdriver.host.draining"
    assert Change(1, NOW, Noun.INSTANCE, "a-1", "main", "running", "").event == "dockerdriver.instance.running"
