"""Every change of state is written down with the move that makes it, on both databases."""

from datetime import timedelta

import pytest

from pool.changes import Noun
from pool.decisions import Decision, DecisionKind
from pool.errors import RefusedMove
from pool.states import HostState, InstanceState
from pool.store.ticks import KEPT
from tests.rigs.pool_data import NOW, ask, claim, claim_active, later, place
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract


def states(store, noun: Noun, subject: str) -> list[tuple[str, str, str]]:
    return [(change.state, change.reason, change.host) for change in store.history.changes(noun, subject)]


def test_a_hosts_changes_are_kept_with_their_reasons(store):
    claim(store)
    store.hosts.move("main-01", HostState.CONFIGURING, later(5), reason="ssh answers")
    store.hosts.move("main-01", HostState.FAILED, later(9), reason="no room on its disk")
    told = [("spawning", "", ""), ("configuring", "ssh answers", ""), ("failed", "no room on its disk", "")]
    assert states(store, Noun.HOST, "main-01") == told


def test_an_instances_changes_say_which_host_it_is_or_was_on(store):
    claim_active(store)
    ask(store)
    place(store)
    store.instances.move("alice-1", InstanceState.FAILED, NOW, reason="it never answered")
    told = [("queued", "", ""), ("starting", "", "main-01"), ("failed", "it never answered", "main-01")]
    assert states(store, Noun.INSTANCE, "alice-1") == told


def test_what_changed_nothing_is_not_a_change(store):
    claim_active(store)
    before = store.history.changes(Noun.HOST, "main-01")
    claim(store)  # the same run again
    store.hosts.move("main-01", HostState.ACTIVE, later(1))
    with pytest.raises(RefusedMove):
        store.hosts.move("main-01", HostState.REMOVED, later(2))
    assert store.history.changes(Noun.HOST, "main-01") == before


def test_each_change_is_told_to_one_of_many_who_ask_at_once(store):
    claim_active(store)
    for number in range(20):
        ask(store, f"s-{number}")
    claimed = [change.id for part in at_once(8, lambda _: store.history.claim_untold(limit=4)) for change in part]
    claimed += [change.id for _ in range(6) for change in store.history.claim_untold(limit=4)]
    assert len(claimed) == len(set(claimed)) == 23
    assert store.history.claim_untold() == []


def test_changes_are_forgotten_after_their_time(store):
    claim(store)
    store.ticks.record("main", [], NOW + KEPT + timedelta(seconds=1))
    assert store.history.changes(Noun.HOST, "main-01") == []


def test_the_life_of_a_host_is_its_changes_and_what_was_decided_about_it(store):
    claim_active(store)
    store.ticks.record("main", [Decision(DecisionKind.DRAIN, "main-01", "its lifetime is over")], later(60))
    store.hosts.move("main-01", HostState.DRAINING, later(61), reason="its lifetime is over")
    told = [line.what for line in store.history.of_host("main-01")]
    assert told == ["spawning", "configuring", "active", "tick 1 decided: drain", "draining"]


def test_what_never_was_has_no_life(store):
    assert store.history.of_host("main-99") == store.history.of_instance("unknown-1") == []
