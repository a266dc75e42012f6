"""What the figures and the picture of launches are made of."""

import threading
import time
from collections.abc import Sequence

import pytest

from tests.rigs.launches.arrivals import arrive
from tests.rigs.launches.figures import CLASS, COLD, FLOOR, HUB, ONE, STANDBY, TWENTY, Run, Told, by_occasion, figures
from tests.rigs.launches.launcher import Launcher
from tests.rigs.launches.manager_cpu import TICKS, seconds_in
from tests.rigs.spreads import picture

pytestmark = pytest.mark.unit

NONE = Told([])


def run(occasion: str, kind: str, *seconds: float, failed: int = 0) -> Run:
    return Run(occasion, kind, [*seconds], ["it did not answer"] * failed)


def of(*runs: Run, told: Told = NONE) -> dict[str, float]:
    return figures(runs, told)


def test_one_at_a_time_is_compared_by_medians():
    colds, floors = [run(ONE, COLD, second) for second in (1.0, 1.2, 9.0)], [run(ONE, FLOOR, 1.0), run(ONE, FLOOR, 1.0)]
    found = of(*colds, *floors, run(ONE, HUB, 3.0))
    assert (found["cold_vs_floor"], found["cold_vs_hub"]) == (1.2, 0.4)


def test_of_standbys_nineteen_of_twenty_are_as_fast_as_the_figure_says():
    found = of(*(run(ONE, STANDBY, 0.2) for _ in range(19)), run(ONE, STANDBY, 7.0))
    assert (found["standby_p50_s"], found["standby_p95_s"]) == (0.2, 0.2)


def test_the_last_of_several_bursts_is_the_median_of_the_slowest_of_each():
    bursts = [run(TWENTY, COLD, 1.0, last) for last in (8.0, 10.0, 30.0)]
    assert of(*bursts, run(TWENTY, FLOOR, 8.0))["burst20_last_vs_floor"] == 1.25


def test_figures_of_a_peer_that_was_not_there_are_absent():
    found = of(run(ONE, COLD, 1.0), run(ONE, FLOOR, 1.0), run(CLASS, COLD, 5.0), run(CLASS, FLOOR, 4.0))
    assert not [name for name in found if "hub" in name and name != "failed_hub"]
    assert found["class60_last_vs_floor"] == 1.25


def test_what_failed_is_counted_for_each_side_and_has_no_time():
    runs = [run(TWENTY, COLD, 1.0, failed=2), run(ONE, STANDBY, failed=1), run(TWENTY, HUB, failed=4)]
    found = of(*runs, told=Told([0.5], ["it was not told"]))
    assert (found["failed"], found["failed_hub"], found["failed_floor"]) == (4, 4, 0)
    assert (found["burst20_last_s"], "standby_p50_s" in found) == (1.0, False)


def test_what_a_launch_costs_the_manager_is_the_median_of_the_bursts_by_launch():
    bursts = [Run(TWENTY, COLD, [1.0, 2.0], [], (), {"server": cpu, "worker": 1.0}) for cpu in (1.0, 2.0, 9.0)]
    assert of(*bursts)["burst20_cpu_s"] == 1.5
    assert "burst20_cpu_s" not in of(run(TWENTY, COLD, 1.0))


def test_processor_time_is_read_of_a_process_whatever_its_name():
    assert seconds_in("7 (a b) c) S 1 7 7 0 -1 0 0 0 0 0 150 50 9 9 20 0") == 200 / TICKS
    assert seconds_in("") == 0


def test_the_slowest_to_be_told_that_it_waits_is_the_figure():
    assert of(told=Told([0.2, 0.9]))["burst20_queued_told_s"] == 0.9


def test_the_picture_has_a_dot_for_each_launch_and_a_line_at_each_median():
    runs = [run(ONE, COLD, 1.0), run(ONE, COLD, 2.0), run(ONE, FLOOR, 1.0), run(TWENTY, COLD, 3.0, 4.0, 5.0)]
    svg = picture("launches", by_occasion(runs))
    assert svg.count("<circle ") == 6
    assert svg.count("<line ") == 2 + 3


class Never(Launcher):
    """A way by which no notebook ever answers."""

    kind = "never"
    ended: Sequence[str] = ()

    def launch(self, name: str) -> None:
        self.wait(lambda: False, time.monotonic(), name)

    def end(self, names: Sequence[str]) -> None:
        self.ended = names


def test_launches_that_wait_give_up_when_the_benchmark_is_interrupted():
    over = threading.Event()
    way = Never(over)
    threading.Timer(0.05, over.set).start()
    assert arrive(way, TWENTY, ["a", "b"], 0, over).failed == ["a: interrupted", "b: interrupted"]
    assert not way.ended
