"""A lease, as its holder knows it: a holder that lost it stops before the next act."""

import asyncio
from datetime import timedelta

import pytest

from blocks.outside import standing_in
from pool.errors import DatabaseAway
from tasks.leases import Held, Hold, lease
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit


class OneLease:
    """A store of one lease."""

    def __init__(self, clock: FakeClock):
        self.clock, self.leases, self.holder, self.until, self.away = clock, self, None, NOW, 0.0

    def take(self, _name, holder, seconds, now):
        if self.holder not in (None, holder) and self.until > now:
            return self.holder
        self.holder, self.until = holder, now + timedelta(seconds=seconds)
        self.clock.pass_by(self.away)
        self.away = 0.0
        return None

    def drop(self, _name, _holder):
        raise DatabaseAway("the pool's database did not answer")


@pytest.fixture
def door():
    clock = FakeClock()
    with standing_in(fake_outside(store=OneLease(clock), clock=clock)) as door:
        yield door


@pytest.fixture
def clock(door):
    """The clock that every holder sees."""
    return door.clock


def test_the_second_housekeeper_does_nothing_and_says_who_holds_it(clock):
    Hold("housekeeping of main", "flow run 1").check()
    with pytest.raises(Held, match="housekeeping of main is being done by flow run 1"):
        Hold("housekeeping of main", "flow run 2")


def test_a_holder_that_was_frozen_past_its_time_stops_before_the_next_act(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock.pass_by(59)
    first.check()
    clock.pass_by(1)
    with pytest.raises(Held, match="flow run 1 lost the lease and stops"):
        first.check()


def test_a_holder_that_renews_goes_on(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock.pass_by(40)
    first.renew()
    clock.pass_by(59)
    first.check()


def test_a_holder_that_finds_another_one_at_it_stops_at_once(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock.pass_by(61)
    Hold("housekeeping of main", "flow run 2").check()
    with pytest.raises(Held, match="is being done by flow run 2"):
        first.renew()
    with pytest.raises(Held):
        first.check()


def test_a_lease_that_was_taken_through_an_outage_holds_for_its_full_time_from_then_on(door, clock):
    door.store.away = 55
    hold = Hold("housekeeping of main", "flow run 1")
    clock.pass_by(59)
    hold.check()


def test_a_lease_that_cannot_be_given_back_turns_no_success_into_a_failure(clock):
    async def work() -> str:
        async with lease("starting of alice-1", "flow run 1"):
            return "it runs"

    assert asyncio.run(work()) == "it runs"
