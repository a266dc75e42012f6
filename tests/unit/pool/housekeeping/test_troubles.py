"""What of a tick is told as a trouble, and of which kind."""

import pytest

from pool.decisions import Decision, DecisionKind
from pool.hosts.launching import breaker_words
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.housekeeping.troubles import Trouble, troubles
from pool.records import FlavorSize, Headroom
from pool.settings import PoolSettings
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

WAIT, BACK_UP, REMOVE = DecisionKind.WAIT, DecisionKind.BACK_UP, DecisionKind.REMOVE


def test_a_tick_that_waits_for_nothing_and_leaves_nothing_has_no_trouble():
    spawning = Decision(WAIT, "main", "8 hosts are being spawned, at most 8 at once")
    assert troubles([Decision(DecisionKind.SPAWN, "main", "4 wanted"), spawning], [], []) == {}


def test_a_quota_that_is_short_is_a_trouble_in_the_rule_s_own_words():
    none_left = dict.fromkeys(FlavorSize, Headroom(0, "4 of 4 instances"))
    decisions = hosts_to_spawn(Situation([], PoolSettings(), NOW, headroom=none_left))
    (told,) = troubles(decisions, [], []).items()
    assert (told[0], told[1].startswith("quota: no instead of 1 small hosts (4 of 4 instances")) == (
        Trouble.QUOTA,
        True,
    )


@pytest.mark.parametrize(
    ("reason", "kind"), [("circuit breaker: 3 hosts in a row", Trouble.BREAKER), ("4 of at most 4 hosts", None)]
)
def test_a_breaker_that_is_open_is_a_trouble_and_a_full_pool_is_none(reason, kind):
    assert list(troubles([Decision(WAIT, "main", reason)], [], [])) == ([kind] if kind else [])
    assert breaker_words([], NOW) == ""


def test_what_is_left_undone_is_told_with_what_became_of_it_and_backups_are_a_kind_of_their_own():
    left = [
        (Decision(BACK_UP, "ada-1", "due"), "the repository is away"),
        (Decision(REMOVE, "main-1", "old"), "no answer"),
    ]
    assert troubles([], left, ["the gateway's certificate runs out"]) == {
        Trouble.BACKUP: "back-up ada-1: the repository is away",
        Trouble.UNDONE: "remove main-1: no answer",
        Trouble.CERTIFICATE: "the gateway's certificate runs out",
    }
