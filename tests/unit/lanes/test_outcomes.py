"""What is written down of each test of a run."""

import json
from typing import Any

import pytest

from tests.rigs.lanes.outcomes import Outcomes, read_outcomes

pytest_plugins = ("pytester",)
pytestmark = pytest.mark.unit


def report(when: Any, outcome: Any, says: str | None = None) -> pytest.TestReport:
    return pytest.TestReport("t.py::one", ("t.py", 1, "one"), {}, outcome, says, when)


@pytest.mark.parametrize(
    ("phases", "came_to"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], "passed"),
        ([("setup", "skipped"), ("teardown", "passed")], "skipped"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], "failed in call: the last word"),
        ([("setup", "failed"), ("teardown", "passed")], "failed in setup: the last word"),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], "failed in teardown: the last word"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "failed")], "failed in call: the last word"),
    ],
)
def test_a_test_passed_when_none_of_its_phases_failed(tmp_path, phases, came_to):
    outcomes = Outcomes(tmp_path / "outcomes.json")
    for when, outcome in phases:
        outcomes.pytest_runtest_logreport(report(when, outcome, "much\nthe last word"))
    outcomes.pytest_sessionfinish()
    assert read_outcomes(tmp_path / "outcomes.json") == {"t.py::one": came_to}


@pytest.mark.parametrize("written", [None, "", "half of it", json.dumps(None)])
def test_of_a_run_that_came_to_no_end_nothing_is_known(tmp_path, written):
    file = tmp_path / "outcomes.json"
    if written is not None:
        file.write_text(written)
    assert read_outcomes(file) == {}


def test_a_run_of_pytest_writes_down_its_tests_by_ids_that_it_takes_again(pytester):
    pytester.makepyfile(test_it="def test_one():\n    assert False\n\n\ndef test_two():\n    pass\n")
    words = (
        "-p",
        "tests.rigs.lanes.outcomes",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "--outcomes=outcomes.json",
    )
    assert pytester.runpytest_inprocess(*words).ret == 1
    first = read_outcomes(pytester.path / "outcomes.json")
    assert first == {"test_it.py::test_one": "failed in call: assert False", "test_it.py::test_two": "passed"}
    assert pytester.runpytest_inprocess(*words, "test_it.py::test_two").ret == 0
    assert read_outcomes(pytester.path / "outcomes.json") == {"test_it.py::test_two": "passed"}
