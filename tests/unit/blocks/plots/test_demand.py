"""The picture of a demand: one scale for all panels, days in the pool's zone, and text that cannot become markup."""

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from blocks.plots.demand import Panel, demand_plot
from pool.reports.launches import LaunchTimes
from pool.what_if.figures import Bucket
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

SVG = "{http://www.w3.org/2000/svg}"


def hours(*demand: int) -> list[Bucket]:
    return [Bucket(NOW + timedelta(hours=number), slots, 24, 0) for number, slots in enumerate(demand)]


def drawn(*panels: Panel, title: str = "Pool main") -> ElementTree.Element:
    return ElementTree.fromstring(demand_plot(title, panels, ZoneInfo("Europe/Berlin")))  # noqa: S314 - it is our own


def points(name: str, buckets: list[Bucket], kind: str = "polygon") -> list[str]:
    """Of the line of this name; those of an area without its two corners on the ground."""
    (line,) = [one for one in drawn(Panel("today", buckets)).iter(f"{SVG}{kind}") if one.get("class") == name]
    found = line.attrib["points"].split()
    return found[1:-1] if kind == "polygon" else found


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_the_scale_reaches_above_the_highest_value_of_any_panel():
    both = drawn(Panel("today", hours(3, 5)), Panel("then", hours(3, 47)))
    assert {"0", "20", "40", "60"} <= set(texts(both))


def test_a_day_begins_at_midnight_of_the_pools_zone():
    assert "Tue 6 Jan" in texts(drawn(Panel("today", hours(*range(20)))))


def test_a_plot_of_one_day_has_hours_between_its_days():
    day = [Bucket(NOW + timedelta(minutes=5 * number), 1, 6, 0) for number in range(288)]
    times = [text for text in texts(drawn(Panel("today", day))) if ":" in text and len(text) == 5]
    assert (times, "Tue 6 Jan" in texts(drawn(Panel("today", day)))) == (
        ["09:00", "12:00", "15:00", "18:00", "21:00", "03:00", "06:00"],
        True,
    )


def test_the_name_of_a_time_at_the_right_edge_is_left_out_and_not_cut_off():
    day = [Bucket(NOW + timedelta(minutes=5 * number), 1, 6, 0) for number in range(289)]
    shifted = [replace(one, at=one.at + timedelta(minutes=20)) for one in day]
    assert [texts(drawn(Panel("today", each))).count("09:00") for each in (day, shifted)] == [1, 0]


def test_a_level_demand_is_two_points_and_a_step_two_more():
    assert points("demand", hours(6, 6, 12, 12)) == ["0.0,136.0", "450.0,136.0", "450.0,102.0", "900,102.0"]


def test_the_room_of_active_hosts_is_a_line_that_is_not_filled():
    shown = [replace(bucket, room=room) for bucket, room in zip(hours(6, 6, 6), (6, 30, 30), strict=True)]
    assert points("room", shown, kind="polyline") == ["0.0,136.0", "300.0,136.0", "300.0,0.0", "900,0.0"]


def test_the_slots_that_are_waited_for_stand_on_the_ground_before_the_demand():
    shown = [replace(bucket, queue=queue) for bucket, queue in zip(hours(12, 12), (12, 0), strict=True)]
    assert points("queue", shown) == ["0.0,102.0", "450.0,102.0", "450.0,170.0", "900,170.0"]


def test_settings_that_look_like_markup_are_text():
    assert "<script>" in texts(drawn(Panel("<script>", hours(1)), title="a & b"))


def test_a_long_caption_is_cut_between_two_words():
    (caption,) = [text for text in texts(drawn(Panel("DD_MAX_HOSTS=24; " * 20, hours(1)))) if "DD_MAX" in text]
    assert (caption.endswith("DD_MAX_HOSTS=24; …"), len(caption) <= 105) == (True, True)


def test_a_demand_of_nothing_can_be_drawn():
    nothing = [Bucket(NOW, 0, 0, 0), Bucket(NOW + timedelta(hours=1), 0, 0, 0)]
    assert "0" in texts(drawn(Panel("today", nothing)))


def with_launches(*launches: LaunchTimes) -> ElementTree.Element:
    plot = demand_plot("Pool main", [Panel("today", hours(1, 2))], ZoneInfo("UTC"), launches)
    return ElementTree.fromstring(plot)  # noqa: S314 - it is our own


def test_launch_times_stand_in_a_panel_of_their_own_each_at_its_moment():
    picture = with_launches(LaunchTimes(NOW + timedelta(hours=1), 0.1, 1.0, 10.0))
    (line,) = [one for one in picture.iter(f"{SVG}path") if one.get("class") == "launch"]
    (dot,) = picture.iter(f"{SVG}circle")
    assert line.get("d") == "M450.0 0.0V110.0"
    assert (dot.get("cx"), dot.get("cy")) == ("450.0", "55.0")


def test_the_scale_of_launch_times_reaches_to_the_slowest_in_powers():
    assert {"0.1 s", "1 s", "10 s", "1 min"} <= set(texts(with_launches(LaunchTimes(NOW, 1, 1, 11))))
    assert "1 min" not in texts(with_launches(LaunchTimes(NOW, 1, 1, 2)))


def test_a_start_that_took_longer_than_the_scale_stands_at_its_top():
    (line,) = [
        one for one in with_launches(LaunchTimes(NOW, 0, 0, 9e9)).iter(f"{SVG}path") if one.get("class") == "launch"
    ]
    assert line.get("d") == "M0.0 0.0V110.0"


def test_a_day_without_a_start_has_its_panel_and_a_replay_has_none():
    title = "starts of sessions, from the request until they open: fastest, median, slowest"
    assert title in texts(with_launches())
    assert title not in texts(drawn(Panel("today", hours(1, 2))))
