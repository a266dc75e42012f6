"""A replay: what the rules alone make of a demand."""

from datetime import timedelta
from random import Random
from time import process_time
from typing import Any

import pytest

from pool.sessions.visits import Visit, with_stays
from pool.settings import PoolSettings
from pool.timetable import read_timetable
from pool.what_if.figures import buckets, figures
from pool.what_if.replay import Replay
from tests.rigs.pool_data import NOW, later

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

HOUR = 3600


def visit(at: float, stays: float = HOUR, slots: int = 1) -> Visit:
    return Visit(later(at), slots, stayed=stays, allowed=stays)


def replayed(visits, hours: float = 4, skips: bool = True, boots=(120,), removals=(), **settings) -> Replay:
    until = later(hours * HOUR)
    return Replay(PoolSettings(**settings), visits, boots, NOW, until, skips, removals=removals).run()


def test_a_user_who_finds_a_free_slot_waits_for_nothing():
    assert replayed([visit(600)]).waits == [0]


def test_a_user_of_an_empty_pool_waits_for_a_boot_from_the_next_tick_on():
    assert replayed([visit(595)], free_slot_target=0, boots=[200]).waits == [205]


class Counting(Replay):
    """Counts how often it is asked whose turn it is."""

    asked = 0

    def turns(self, line, hosts):
        self.asked += 1
        return super().turns(line, hosts)


def test_whose_turn_it_is_is_looked_for_once_for_each_request():
    replay = Counting(PoolSettings(), [visit(1), visit(2)], [], NOW, later(20))
    replay.run()
    assert replay.asked == 2


def test_the_pools_own_boots_are_taken_in_turn():
    assert replayed([visit(600), visit(3600, slots=6)], free_slot_target=0, boots=[200, 90]).waits == [200, 90]


@pytest.mark.parametrize(("removals", "wait"), [([4], 180), ([31], 210), ([59], 240), ([118], 300), ([], 240)])
def test_one_who_waits_for_a_larger_host_waits_as_long_as_this_pools_servers_take_to_go(removals, wait):
    assert replayed([visit(600, slots=10)], boots=[120], removals=removals, max_hosts=1).waits == [wait]


def test_a_class_waits_less_with_a_timetable_than_without():
    pupils = [visit(HOUR + number) for number in range(60)]
    lines = read_timetable(["Mon 08:54-08:55: 60"], "UTC")
    assert figures(replayed(pupils, timetable=lines)).wait_longest_s == 0
    assert figures(replayed(pupils)).wait_p95_s > 60


def test_hosts_of_a_class_on_monday_at_midnight_are_there_on_sunday_evening():
    pupils = [visit(number - 8 * HOUR) for number in range(60)]
    settings = PoolSettings(timetable=read_timetable(["Sun 23:54-23:55: 60"], "UTC"))
    replay = Replay(settings, pupils, [120], later(-10 * HOUR), later(-7 * HOUR)).run()
    assert replay.waits == [0] * 60


def test_those_whom_the_pool_cannot_hold_are_counted_as_refused():
    crowd = figures(replayed([visit(600, 3 * HOUR) for _ in range(30)], max_hosts=1, free_slot_target=0))
    assert (crowd.sessions, crowd.refused) == (30, 6)
    assert replayed([visit(600)], queue_timeout=0, free_slot_target=0).refused == 1
    assert replayed([visit(600, slots=25)]).refused == 1


def test_host_hours_are_those_of_servers_and_large_ones_count_as_many_small_ones():
    took = figures(replayed([visit(0, HOUR, slots=20)], hours=1, free_slot_target=0))
    assert (took.host_hours_small, took.host_hours_large, took.small_host_hours) == (0, 1, 4)
    assert took.hosts_at_the_peak == 1


def test_free_slots_of_active_hosts_are_slots_in_vain():
    assert figures(replayed([], hours=10, boots=[HOUR])).slots_in_vain == pytest.approx(5.4)


def test_a_plot_shows_the_most_of_each_short_time():
    shown = buckets(replayed([visit(600, 1200)], hours=2), most=12)
    assert [bucket.demand for bucket in shown[:5]] == [0, 1, 1, 0, 0]
    assert {bucket.room for bucket in shown[1:]} == {6}
    assert shown[1].at == NOW + timedelta(minutes=10)


@pytest.mark.no_cover  # it runs a second time what the other tests run
@pytest.mark.parametrize("seed", range(3))
def test_ticks_that_are_left_out_would_have_decided_nothing(seed):
    chance = Random(seed)
    lines = read_timetable(["Mon 10:05-11:00: 14", "daily 12:30-12:35: 30"], "Europe/Berlin")
    ats = sorted(chance.choices(range(5 * HOUR), k=20))
    visits = [visit(at, chance.randrange(60, HOUR), chance.choice([1, 1, 2, 7])) for at in ats]
    usual: dict[str, Any] = {"hours": 7, "timetable": lines, "boots": [70, 130, 310], "host_lifetime": HOUR}
    ours, every = (replayed(visits, skips=skips, **usual) for skips in (True, False))
    assert ours.ticks < every.ticks / 2
    assert (ours.waits, ours.spawned, figures(ours)) == (every.waits, every.spawned, figures(every))


def test_a_visit_that_never_had_room_gets_the_usual_stay_of_its_size():
    recorded = [visit(0, 100), visit(1, 300), visit(2, 900, slots=4), Visit(later(3), 1), Visit(later(4), 2)]
    assert [one.stayed for one in with_stays(recorded)] == [100, 300, 900, 200, 300]


def test_a_year_in_which_no_visit_had_room_is_made_livable_at_once():
    begun = process_time()
    assert len(with_stays([visit(0, 100), *(Visit(later(at), 1) for at in range(20_000))])) == 20_001
    assert process_time() - begun < 5


def test_of_a_replay_without_sessions_nothing_was_waited():
    nothing = figures(replayed([]))
    assert (nothing.wait_p50_s, nothing.wait_p95_s, nothing.wait_longest_s) == (0, 0, 0)
