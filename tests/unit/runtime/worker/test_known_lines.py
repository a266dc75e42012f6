"""What Prefect's UI shows anyway is not said in the log once more."""

import logging

import pytest

from runtime.worker.known_lines import KNOWN, KnownLines

pytestmark = pytest.mark.unit


def is_written(name: str, level: int, line: str) -> bool:
    return KnownLines(KNOWN[name]).filter(logging.LogRecord(name, level, "", 0, line, (), None))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("prefect.flow_runs.worker", "Worker 'warm' submitting flow run '5b'"),
        ("prefect.flow_runs.worker", "Running on worker id: 7a. See worker logs here: http://…"),
        ("prefect.task_runs", "Finished in state Completed()"),
    ],
)
def test_that_a_step_began_or_succeeded_is_left_out(name, line):
    assert not is_written(name, logging.INFO, line)


def test_what_a_step_says_itself_is_written():
    assert is_written("prefect.task_runs", logging.INFO, "trying elsewhere: host main-01 is broken")


def test_that_a_step_failed_is_written_though_it_begins_alike():
    assert is_written("prefect.task_runs", logging.ERROR, "Finished in state Failed('no room')")
    assert is_written("prefect.flow_runs.worker", logging.ERROR, "Worker 'warm' lost the run")
