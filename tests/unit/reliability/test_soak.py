"""What the figures of a soak are made of."""

import pytest

from tests.benchmarks.recovery import summary
from tests.reliability.soak import Sample, Soak, drawn, fortnight_gb, growth

pytestmark = pytest.mark.unit


def test_growth_is_from_the_first_fifth_to_the_last_and_no_peak_between_counts():
    assert growth([100, 102, 101, 900, 101, 103, 104, 105, 106, 110]) == 7
    assert growth([]) == 0


def test_of_a_fortnight_all_runs_are_kept_and_the_events_of_two_days():
    assert fortnight_gb(grown=150, of_events=100, sessions=500) == round((100 * 14 + 200 * 2) / 1000, 2)


def test_nine_of_ten_recoveries_are_as_fast_as_the_figure_says():
    seconds = [1.0] * 17 + [5.0, 7.0, 60.0]
    assert summary("server", seconds) == {"server_p50_s": 1.0, "server_p90_s": 5.0, "server_worst_s": 60.0}


def test_the_picture_is_svg_with_one_curve_for_each_figure_and_a_line_for_each_kill():
    soak = Soak([Sample(minute, 400, 900.0, 20.0 + minute, 30 * minute) for minute in range(5)], [(1.0, "server")])
    svg = drawn(soak)
    assert svg.count("<polyline ") == 4
    assert svg.count("<line ") == 4 + 1
