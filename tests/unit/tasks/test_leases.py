"""A lease, as its holder knows it: whoever lost it stops before the next act."""

import pytest

from tasks import leases
from tasks.leases import Held, Hold
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit


class OneLease:
    """A store of one lease."""

    def __init__(self):
        self.holder, self.until = None, NOW

    def take_lease(self, _name, holder, seconds, now):
        if self.holder not in (None, holder) and self.until > now:
            return self.holder
        self.holder, self.until = holder, now + (later(seconds) - NOW)
        return None


@pytest.fixture
def clock(monkeypatch):
    """Seconds that went by; every holder sees them."""
    passed, store = [0.0], OneLease()
    monkeypatch.setattr(leases, "pool_store", lambda: store)
    monkeypatch.setattr(leases, "now", lambda: later(passed[0]))
    monkeypatch.setattr(leases, "_uptime", lambda: 1000 + passed[0])
    return passed


def test_the_second_housekeeper_does_nothing_and_says_who_holds_it(clock):
    Hold("housekeeping of main", "flow run 1").check()
    with pytest.raises(Held, match="housekeeping of main is being done by flow run 1"):
        Hold("housekeeping of main", "flow run 2")


def test_a_holder_that_was_frozen_past_its_time_stops_before_the_next_act(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock[0] = 59.0
    first.check()
    clock[0] = 60.0
    with pytest.raises(Held, match="flow run 1 lost the lease and stops"):
        first.check()


def test_a_holder_that_renews_goes_on(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock[0] = 40.0
    first.renew()
    clock[0] = 99.0
    first.check()


def test_a_holder_that_finds_somebody_else_at_it_stops_at_once(clock):
    first = Hold("housekeeping of main", "flow run 1")
    clock[0] = 61.0
    Hold("housekeeping of main", "flow run 2").check()
    with pytest.raises(Held, match="is being done by flow run 2"):
        first.renew()
    with pytest.raises(Held):
        first.check()
