"""How many standbys a blueprint wants: by its number, its timetable, and what earlier weeks ask for."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pool.errors import BadRequest
from pool.standbys.wanted import (
    REFILL,
    WEEKS,
    demand_of,
    may_want_some,
    read_standby_timetable,
    spans_of_earlier_weeks,
    wanted_at,
)
from tests.rigs.pool_data import NOW, a_blueprint, later

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
LINES = ("Mon-Fri 08:00-18:00: 10", "Mon 09:00-10:00: 30")


def wanted(text: str, demand: int = 0, **blueprint) -> tuple[int, str]:
    """Of a blueprint that usually wants two, at a moment in Berlin."""
    spec = a_blueprint(**{"standby": 2, "standby_timetable": LINES} | blueprint)
    moment = datetime.fromisoformat(text).replace(tzinfo=BERLIN)
    found = wanted_at(spec, read_standby_timetable(spec.standby_timetable, "Europe/Berlin"), demand, moment)
    return found.standbys, found.because


def test_the_last_line_that_holds_wins_and_at_other_times_the_usual_number():
    assert wanted("2026-01-06 09:30") == (10, LINES[0])
    assert wanted("2026-01-05 09:30") == (30, LINES[1])
    assert wanted("2026-01-10 09:30") == (2, "")


def test_the_demand_adds_to_the_timetable_up_to_what_it_may():
    assert wanted("2026-01-06 09:30", demand=40, standby_by_demand=25)[0] == 25
    assert wanted("2026-01-06 09:30", demand=12, standby_by_demand=25) == (
        12,
        "by demand: 12 came within 5 min in earlier weeks",
    )
    assert wanted("2026-01-06 09:30", demand=4, standby_by_demand=25) == (10, LINES[0])
    assert wanted("2026-01-06 09:30", demand=40) == (10, LINES[0])


def came(*minutes: float) -> list[datetime]:
    return [later(60 * minute) for minute in minutes]


def test_those_count_that_came_before_standbys_could_be_replaced():
    within = REFILL.seconds / 60
    assert demand_of([came(0, 1, within - 0.1, within, 40)] * 2) == 3
    assert demand_of([[], []]) == demand_of([]) == 0


def test_one_exam_is_no_demand_and_one_holiday_does_not_hide_it():
    exam, usual = came(*[0] * 60), came(*[0] * 8)
    assert demand_of([exam, [], [], []]) == 0
    assert demand_of([exam, usual, [], usual]) == 8
    assert demand_of([[], usual, usual, usual]) == 8


def test_an_earlier_week_is_looked_at_around_the_same_time_of_its_day_also_across_a_change_of_clocks():
    monday = datetime(2026, 3, 30, 10, tzinfo=BERLIN)  # summer time began the day before
    spans = [[moment.astimezone(BERLIN) for moment in span] for span in spans_of_earlier_weeks(monday, BERLIN)]
    assert [f"{begin:%d.%m %H:%M}-{end:%H:%M}" for begin, end in spans][:2] == [
        "23.03 09:45-10:45",
        "16.03 09:45-10:45",
    ]
    assert len(spans) == WEEKS


def test_weeks_are_looked_at_from_the_latest_to_the_earliest():
    spans = spans_of_earlier_weeks(NOW, ZoneInfo("UTC"))
    assert [NOW - end for _, end in spans] == [timedelta(weeks=week, minutes=-45) for week in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Mon-Fri 08:00: 10", r"^standby_timetable: 'Mon-Fri 08:00: 10' cannot be read; write it like .*; standbys\)$"),
        ("Mon 08:00-09:00: 1001", r"^standby_timetable: 'Mon 08:00-09:00: 1001' wants more than 1000 standbys$"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(line, said):
    with pytest.raises(BadRequest, match=said):
        read_standby_timetable([line], "UTC")


def test_a_blueprint_wants_some_at_some_time_by_any_of_the_three():
    assert not may_want_some(a_blueprint())
    ways = {"standby": 1, "standby_timetable": LINES, "standby_by_demand": 5}
    assert all(may_want_some(a_blueprint(**{name: value})) for name, value in ways.items())
