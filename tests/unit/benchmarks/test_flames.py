"""What flame graphs are made of."""

import pytest

from tests.rigs.launches.flames import flame_graph, part_of, shares, stacks

pytestmark = pytest.mark.unit

RAW = """main (prefect/cli/worker.py);run (prefect/cli/worker.py);go (sqlalchemy/engine/base.py);send (socket.py) 60
main (prefect/cli/worker.py);place (tasks/sessions/queue.py) 39
_bootstrap (threading.py) 1
"""


def test_frames_of_one_file_that_call_each_other_are_one():
    found = stacks(RAW)
    assert found["prefect/cli/worker main", "tasks/sessions/queue place"] == 39
    assert found["prefect/cli/worker main", "sqlalchemy/engine/base go", "socket send"] == 60


def test_what_leads_to_an_event_loop_is_left_out():
    found = stacks("main (prefect/cli/server.py);run (asyncio/runners.py);answer (prefect/server/api/logs.py) 7\n")
    assert found == {("asyncio/runners run", "prefect/server/api/logs answer"): 7}


def test_what_waits_computes_nothing():
    assert stacks("run (asyncio/base_events.py);select (selectors.py) 7\nCondition.wait (threading.py:3) 2\n") == {}


def test_a_sample_is_of_the_innermost_package_that_is_known():
    assert shares(stacks(RAW)) == {"sqlalchemy": 0.6, "ours": 0.39, "other": 0.01}
    assert shares({}) == {}


@pytest.mark.parametrize(
    ("frame", "part"),
    [("blocks/engine/client run", "ours"), ("prefect/flow_engine run", "prefect"), ("json/decoder decode", "other")],
)
def test_each_frame_is_of_one_package(frame, part):
    assert part_of(frame) == part


def test_what_hardly_computes_is_not_drawn_and_the_rest_is_as_wide_as_its_samples():
    svg = flame_graph("a burst", stacks(RAW.replace(" 1\n", " 0\n")))
    assert "socket send: 60.6%" in svg
    assert "threading" not in svg
    assert svg.count("<g>") == 4
