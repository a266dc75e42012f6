"""A lease, as its holder knows it: a holder that lost it stops before the next act."""

from datetime import timedelta

import pytest

from blocks.outside import standing_in
from tasks.leases import Held, Hold
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit


class OneLease:
    """A store of one lease."""

    def __init__(self):
        self.leases, self.holder, self.until = self, None, NOW

    def take(self, _name, holder, seconds, now):
        if self.holder not in (None, holder) and self.until > now:
            return self.holder
        self.holder, self.until = holder, now + timedelta(seconds=seconds)
        return None


@pytest.fixture
def clock():
    """The clock that every holder sees."""
    with standing_in(fake_outside(store=OneLease())) as door:
        yield door.clock


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
