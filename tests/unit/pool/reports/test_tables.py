"""The tables that a tick leaves."""

import pytest

from pool.decisions import Decision, DecisionKind
from pool.records import Image
from pool.reports.tables import decision_rows, host_rows, span
from pool.states import HostState
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit

IMAGES = [Image("main", "jupyter", "sha256:1", 1), Image("main", "rstudio", "sha256:2", 1)]


def test_a_host_is_shown_with_state_slots_age_errors_and_images():
    host = a_host(reserved=2, errors=3, last_error="no answer", reason="configured and tested")
    assert host_rows([host], IMAGES, {"main-01": {"sha256:1"}}) == [
        {
            "host": "main-01",
            "state": "active",
            "why": "configured and tested",
            "slots": "2 of 6 used",
            "created": "2026-01-05 08:00 UTC",
            "errors": "3: no answer",
            "images": "1 of 2, without rstudio",
        }
    ]


def test_a_host_that_is_gone_is_not_in_the_table():
    assert host_rows([a_host(state=HostState.REMOVED)], IMAGES, {}) == []


def test_a_decision_is_shown_with_how_it_ended():
    rows = decision_rows([Decision(DecisionKind.DRAIN, "main-01", "its lifetime is over")], ["not done in 120 s"])
    assert rows == [
        {"what": "drain", "of": "main-01", "why": "its lifetime is over", "outcome": "not done in 120 s"},
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (45, "45 s"), (130, "2 min"), (11100, "3 h 5 min"), (180000, "2 d 2 h"), (86400, "1 d 0 h")],
)
def test_a_time_is_said_in_the_units_that_matter(seconds, said):
    assert span(seconds) == said
