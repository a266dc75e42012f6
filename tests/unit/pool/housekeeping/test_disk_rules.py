"""A host whose disk is nearly full: it takes no session, and the session that wrote most is named, then ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.decisions import DecisionKind as Kind
from pool.errors import BadRequest
from pool.hosts.lifetime import takes_sessions
from pool.housekeeping.disk_rules import LOOKS, TICK, due_for_a_look
from pool.housekeeping.found import HostDisk
from pool.sessions.placement import may_take
from pool.settings import PoolSettings
from pool.states import EndCause
from tests.rigs.pool_data import NOW, a_host, an_instance
from tests.unit.pool.housekeeping.test_plan import decided, planned

pytestmark = pytest.mark.unit

TWO = [an_instance("alice-1"), an_instance("bob-1")]
WROTE = {"alice-1": 300, "bob-1": 900}


def on_disk(free_mb: int, written=WROTE, **seen):
    disks = {"main-01": HostDisk(free_mb, written)}
    return planned([a_host(reserved=2)], TWO, disks=disks, **seen)


@pytest.mark.parametrize(
    ("free_mb", "plans"),
    [
        (2048, []),
        (2047, [(Kind.FILLS_DISK, "bob-1")]),
        (512, [(Kind.FILLS_DISK, "bob-1")]),
        (511, [(Kind.END_WRITER, "bob-1")]),
    ],
)
def test_below_the_floor_the_largest_writer_is_named_and_below_the_limit_it_is_ended(free_mb, plans):
    assert on_disk(free_mb) == plans


def test_the_reason_says_who_wrote_how_much_and_what_is_left_and_the_cause_is_its_own():
    disks = {"main-01": HostDisk(100, WROTE)}
    (decision,) = decided([a_host(reserved=2)], TWO, disks=disks)
    assert decision.reason == "it wrote 900 MB, more than any other on main-01, whose disk has 100 MB left"
    assert decision.cause is EndCause.DISK_FILLED


def test_it_is_said_once_and_who_was_told_is_ended_all_the_same():
    assert on_disk(1000, told_of_disk={"bob-1"}) == []
    assert on_disk(100, told_of_disk={"bob-1"}) == [(Kind.END_WRITER, "bob-1")]


@pytest.mark.parametrize("written", [None, {}, {"alice-1": 100, "bob-1": 255}, {"stranger": 9000}])
def test_where_no_session_is_known_to_have_written_much_none_is_blamed(written):
    assert on_disk(1, written) == []


def test_a_disk_that_was_not_looked_at_leads_to_nothing():
    assert planned([a_host(reserved=2)], TWO) == []


def test_a_session_that_a_run_works_on_is_not_ended():
    assert on_disk(100, busy_instances={"bob-1"}) == [(Kind.FILLS_DISK, "bob-1")]


def test_no_limit_means_that_no_session_is_ended():
    disks = {"main-01": HostDisk(0, WROTE)}
    assert planned([a_host(reserved=2)], TWO, disks=disks, settings={"disk_limit": 0}) == [(Kind.FILLS_DISK, "bob-1")]


def test_a_host_without_room_on_its_disk_takes_no_session_and_counts_as_no_room():
    low = a_host(disk_low_since=NOW)
    assert not takes_sessions(low, PoolSettings(), NOW)
    assert not may_take(low, NOW, PoolSettings(), lifetime=60, old_too=True)
    assert planned([low], settings={"free_slot_target": 4}) == [(Kind.SPAWN, "main")]


def test_a_limit_above_the_floor_is_refused_unless_nothing_is_looked_at():
    with pytest.raises(BadRequest, match=r"DD_HOST_DISK_LIMIT \(900 MB\) must not be more than DD_HOST_DISK_FLOOR"):
        PoolSettings(disk_floor=800, disk_limit=900)
    assert PoolSettings(disk_floor=0).disk_limit == 512


@given(st.integers(0, 200), st.integers(0, 10**9))
def test_every_host_has_its_turn_and_no_tick_looks_at_more_than_its_share(number, at):
    names, groups = list(range(number)), max(1, -(-number // LOOKS))
    rounds = [due_for_a_look(names, at + TICK * later) for later in range(groups)]
    assert sorted(name for names in rounds for name in names) == names
    assert max(map(len, rounds)) <= LOOKS
