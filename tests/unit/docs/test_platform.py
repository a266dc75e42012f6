"""The platform's guide names what a client can meet."""

from pathlib import Path

import pytest

import docs
from pool.states import INSTANCE_MOVES, EndCause, InstanceState

pytestmark = pytest.mark.unit

GUIDE = (Path(docs.__file__).parent / "platform.md").read_text()


@pytest.mark.parametrize("state", list(InstanceState))
def test_every_state_is_told_with_those_that_follow(state):
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{state}` |")]
    follows = row.split("|")[3]
    assert {other for other in InstanceState if f"`{other}`" in follows} == INSTANCE_MOVES[state]


@pytest.mark.parametrize("cause", list(EndCause))
def test_every_cause_of_an_end_is_told(cause):
    assert f"`{cause}`" in GUIDE
