"""The timetable: when a pool keeps more free slots in hand."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pool.errors import BadRequest
from pool.timetable import Target, largest_target, read_timetable, target_at

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def wanted(lines: list[str], at: str, zone: str = "Europe/Berlin") -> int:
    """Free slots wanted at a moment in Berlin, where 4 are usual."""
    return target_at(read_timetable(lines, zone), 4, berlin(at)).slots


def test_a_line_holds_from_its_beginning_to_just_before_its_end():
    lesson = ["Mon 08:45–12:00: 60 free slots"]  # noqa: RUF001 - as the operator writes it
    moments = ["2026-01-05 08:44", "2026-01-05 08:45", "2026-01-05 11:59", "2026-01-05 12:00", "2026-01-06 09:00"]
    assert [wanted(lesson, at) for at in moments] == [4, 60, 60, 4, 4]


def test_the_last_line_that_holds_wins_also_with_fewer_slots():
    lines = ["Mon-Fri 08:00-18:00: 60", "Wed 12:00-18:00: 2"]
    assert [wanted(lines, at) for at in ("2026-01-07 11:00", "2026-01-07 12:00", "2026-01-08 12:00")] == [60, 2, 60]


@pytest.mark.parametrize(
    ("days", "holding"),
    [
        ("Mon", "Mon"),
        ("Tue-Thu", "Tue Wed Thu"),
        ("Mon,Fri", "Mon Fri"),
        ("sat-mon", "Mon Sat Sun"),
        ("daily", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_days_are_written_as_people_write_them(days, holding):
    week = [berlin(f"2026-01-{day:02d} 10:00") for day in range(5, 12)]
    entries = read_timetable([f"{days} 08:00-12:00: 60"], "Europe/Berlin")
    assert [f"{day:%a}" for day in week if entries[0].holds(day)] == holding.split()


def test_a_line_may_go_on_past_midnight_and_a_day_ends_at_24():
    night, day = ["Fri 22:00-02:00: 9"], ["Fri 00:00-24:00: 9"]
    moments = ["2026-01-09 01:00", "2026-01-09 23:00", "2026-01-10 01:59", "2026-01-10 02:00"]
    assert [wanted(night, at) for at in moments] == [4, 9, 9, 4]
    assert [wanted(day, at) for at in moments] == [9, 9, 4, 4]


def test_the_time_of_day_is_that_of_the_named_zone_in_summer_and_in_winter():
    lesson = ["daily 08:00-09:00: 60"]
    for at, utc in (("2026-01-05 08:00", "07:00"), ("2026-07-06 08:00", "06:00")):
        assert f"{berlin(at).astimezone(ZoneInfo('UTC')):%H:%M}" == utc
        assert (wanted(lesson, at), wanted(lesson, at, zone="UTC")) == (60, 4)


@pytest.mark.parametrize(
    ("line", "hours"),
    [("Sun 01:30-02:30: 9", 1.0), ("Sun 02:15-02:45: 9", 1.5), ("Sun 00:00-04:00: 9", 3.0)],
)
def test_an_hour_that_the_clocks_skip_makes_a_time_longer_never_shorter(line, hours):
    assert hours_held(line, "2026-03-28 20:00") == hours


@pytest.mark.parametrize(("line", "hours"), [("Sun 01:30-02:30: 9", 2.0), ("Sun 00:00-04:00: 9", 5.0)])
def test_an_hour_that_the_clocks_repeat_counts_twice(line, hours):
    assert hours_held(line, "2026-10-24 20:00") == hours


def hours_held(line: str, start: str) -> float:
    (entry,) = read_timetable([line], "Europe/Berlin")
    quarters = [berlin(start).astimezone(ZoneInfo("UTC")) + timedelta(minutes=15 * n) for n in range(48)]
    return sum(map(entry.holds, quarters)) / 4


def ahead(entries, time: str) -> Target:
    """What is wanted until a host spawned then is there, which takes ten minutes."""
    now = berlin(f"2026-01-05 {time}")
    return largest_target(entries, 4, now, now + timedelta(minutes=10))


def test_hosts_are_begun_as_early_as_they_take_to_become_active():
    entries = read_timetable(["Mon 08:45-12:00: 60"], "Europe/Berlin")
    assert ahead(entries, "08:34") == Target(4)
    assert ahead(entries, "08:35") == Target(60, "Mon 08:45-12:00: 60")


def test_a_time_that_is_shorter_than_a_host_takes_is_not_forgotten_before_it_begins():
    entries = read_timetable(["Mon 08:45-08:50: 60"], "Europe/Berlin")
    slots = [ahead(entries, at).slots for at in ("08:34", "08:35", "08:42", "08:49", "08:50")]
    assert slots == [4, 60, 60, 60, 4]


def test_the_end_of_a_time_does_not_come_earlier():
    entries = read_timetable(["Mon 08:45-12:00: 60", "Mon 12:00-13:00: 0"], "Europe/Berlin")
    assert [ahead(entries, at).slots for at in ("11:59", "12:00")] == [60, 0]


@pytest.mark.parametrize(
    "line",
    [
        "", "60", "Mo 08:45-12:00: 60", "Mon 8:45-12:00: 60", "Mon 08:45-12:00", "Mon 08:45-25:00: 60",
        "Mon 08:75-12:00: 60", "Mon 24:00-12:00: 60", "Mon-Tue-Wed 08:45-12:00: 60", "Mon, 08:45-12:00: 60",
        "Mon 08:45-12:00: -4", "45 8 * * 1",
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_shown_with_how_it_is_written(line):
    with pytest.raises(
        BadRequest, match=r"^DD_TIMETABLE: '.*' cannot be read; write it like 'Mon-Fri 08:45-12:00: 60'"
    ):
        read_timetable([line], "UTC")


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "Europe", "Europe/Bärlin"])
def test_an_unknown_time_zone_is_named(zone):
    with pytest.raises(
        BadRequest, match=r"^DD_TIMEZONE: no time zone is named .*; write it like Europe/Berlin or UTC$"
    ):
        read_timetable([], zone)
