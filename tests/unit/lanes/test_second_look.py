"""The second look: what is run again, what makes a run good, and what is told of a test that passed only then."""

import pytest

from tests.rigs.lanes.second_look import AT_MOST, Lane, Look, closing_line, exit_code, look_again, sentences, table

pytestmark = pytest.mark.unit

RACE = "failed in call: AssertionError: not within 30.0 s"
PASSED = Look(0, {"t.py::one": "passed", "t.py::two": "skipped"})
RACED = Look(1, {"t.py::one": "passed", "t.py::two": RACE})


def failing(tests: int, code: int = 1) -> Look:
    return Look(code, {f"t.py::{number}": RACE for number in range(tests)})


def test_a_lane_whose_tests_all_passed_is_good_and_is_not_looked_at_again():
    assert look_again(PASSED) == []
    assert exit_code([Lane("hosts", PASSED)], flaky_fails=True) == 0


def test_only_the_tests_that_failed_are_run_again():
    assert look_again(RACED) == ["t.py::two"]


@pytest.mark.parametrize(("tests", "again"), [(AT_MOST, AT_MOST), (AT_MOST + 1, 0)])
def test_more_failures_than_three_are_not_looked_at_again(tests, again):
    assert len(look_again(failing(tests))) == again


@pytest.mark.parametrize("code", [2, 3, 4, 5, 130, -9, -15])
def test_a_run_that_did_not_end_in_order_fails_and_is_not_looked_at_again(code):
    assert look_again(failing(1, code)) == []
    assert exit_code([Lane("hosts", failing(1, code))], flaky_fails=False) == 1


def test_a_run_that_failed_and_named_no_test_fails():
    assert exit_code([Lane("hosts", Look(1))], flaky_fails=False) == 1


def test_a_test_that_passes_the_second_time_makes_its_lane_good_unless_flaky_tests_are_to_fail():
    lanes = [Lane("light", PASSED), Lane("hosts", RACED, Look(0, {"t.py::two": "passed"}))]
    assert [exit_code(lanes, flaky_fails) for flaky_fails in (False, True)] == [0, 1]


@pytest.mark.parametrize(
    "second",
    [
        Look(1, {"t.py::two": RACE}),
        Look(0, {"t.py::two": "skipped"}),
        Look(0, {}),
        Look(4, {}),
        Look(3, {"t.py::two": "passed"}),
    ],
)
def test_a_test_that_does_not_pass_the_second_time_fails_the_run(second):
    assert exit_code([Lane("hosts", RACED, second)], flaky_fails=False) == 1


def test_of_two_that_failed_one_that_passes_does_not_excuse_the_other():
    second = Look(1, {"t.py::0": "passed", "t.py::1": RACE})
    lane = Lane("hosts", failing(2), second)
    assert exit_code([lane], flaky_fails=False) == 1
    assert list(lane.flaky) == ["t.py::0"]


def test_what_passed_only_the_second_time_is_told_in_a_line_and_noted_with_both_outcomes():
    lanes = [Lane("hosts", RACED, Look(0, {"t.py::two": "passed"}))]
    assert sentences(lanes) == [f"passed only the second time: t.py::two ({RACE} the first time)"]
    assert table(lanes) == f"t.py::two\t{RACE}\tpassed\n"
    assert table([Lane("hosts", PASSED)]) == ""


def test_a_lane_that_is_not_good_is_named_with_the_file_that_says_why():
    lanes = [Lane("light", PASSED), Lane("types", Look(1))]
    assert sentences(lanes) == ["not good: types (exit code 1; build/types.log)"]


def test_the_closing_line_counts_the_tests_of_all_lanes_and_names_the_flaky_ones():
    lanes = [Lane("light", PASSED), Lane("hosts", RACED, Look(0, {"t.py::two": "passed"})), Lane("rig", Look(0))]
    assert "= 3 passed, 1 passed only the second time, 1 skipped in 61.50s =" in closing_line(lanes, 61.5)


def test_the_closing_line_counts_what_failed_and_the_lanes_that_are_not_good():
    lanes = [Lane("light", PASSED), Lane("hosts", failing(4)), Lane("rig", Look(1))]
    assert "= 4 failed, 1 passed, 1 skipped, 2 lanes not good in 1.00s =" in closing_line(lanes, 1)
