"""The types of a session's answer, held to what the product answers and the guide says."""

import pytest

import pool.states
from dockerdriver_client import EndCause, State
from dockerdriver_client.models import SESSIONS
from docs import generate
from tasks.sessions.answers import TOLD_AS

from .conftest import answer

pytestmark = pytest.mark.unit

GUIDE = (generate.HERE / "platform.md").read_text()


def test_states_and_causes_are_those_of_the_product():
    assert [*State] == [state for state in pool.states.InstanceState if state not in TOLD_AS]
    assert [*EndCause] == [*pool.states.EndCause]


@pytest.mark.parametrize("state", [*State])
def test_each_state_has_a_type_of_its_own(state):
    found = SESSIONS.validate_json(answer(state)["data"])[0]
    assert type(found).__name__ == f"{state.title()}Session"


def test_the_answer_that_the_guide_prints_is_read():
    printed = GUIDE.partition("fromjson | .[0]'\n")[2].partition("```")[0]
    found = SESSIONS.validate_json(f"[{printed}]")[0]
    assert (found.state, found.host, found.phases["routed"]) == ("running", "main-01", 1.421)


def test_a_cause_of_a_newer_server_stays_a_text_and_its_new_fields_are_left_out():
    found = SESSIONS.validate_json(answer("failed", end_cause="moon-lost", moon=1)["data"])[0]
    assert (found.end_cause, hasattr(found, "moon")) == ("moon-lost", False)


def test_a_known_cause_is_a_member():
    assert SESSIONS.validate_json(answer("failed", end_cause="idle")["data"])[0].end_cause is EndCause.IDLE


def test_a_launch_link_is_not_in_what_is_printed():
    assert "ticket" not in repr(SESSIONS.validate_json(answer("running")["data"])[0])
