"""The tables that a tick leaves."""

import pytest

from pool.decisions import Decision, DecisionKind
from pool.hosts.reach import unfit_hosts
from pool.records import Image
from pool.reports.tables import decision_rows, host_list, host_rows, hosts_in_sum, session_rows, span, unfit_rows
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance

pytestmark = pytest.mark.unit

IMAGES = [Image("main", "jupyter", "sha256:1", 1), Image("main", "rstudio", "sha256:2", 1)]


def test_one_host_is_one_and_two_are_two():
    hosts = [a_host(reserved=2), a_host(name="main-02")]
    assert hosts_in_sum(host_list(hosts[:1], NOW)) == "1 host, 2 of 6 slots used, 4 free"
    assert hosts_in_sum(host_list(hosts, NOW)) == "2 hosts, 2 of 12 slots used, 10 free"


def test_a_host_is_shown_with_state_slots_age_errors_and_images():
    host = a_host(reserved=2, errors=3, last_error="no answer", reason="configured and tested")
    assert host_rows([host], IMAGES, {"main-01": {"sha256:1"}}) == [
        {
            "host": "main-01",
            "state": "active",
            "why": "configured and tested",
            "slots": "2 of 6 used, 4 free",
            "created": "2026-01-05 08:00 UTC",
            "errors": "3: no answer",
            "images": "1 of 2, without rstudio",
        }
    ]


def test_a_host_out_of_reach_says_when_it_counts_as_dead_and_has_no_free_slot():
    (row,) = host_rows([a_host(unreachable_since=NOW, last_error="timed out")], [], {}, grace=300)
    assert row["why"] == (
        "out of reach since 2026-01-05 08:00:00 UTC;"
        " it counts as dead from 2026-01-05 08:05:00 UTC on, unless it answers: timed out"
    )
    assert row["slots"] == "0 of 6 used, 0 free"


def test_a_host_whose_disk_is_nearly_full_says_so_wherever_a_pool_is_shown():
    low = a_host(disk_low_since=NOW, last_error="its disk has 300 MB left: it takes no new session")
    words = "low on disk since 2026-01-05 08:00:00 UTC: its disk has 300 MB left: it takes no new session"
    assert [row["why"] for row in host_rows([low], [], {})] == [words]
    assert unfit_rows([low], 300) == [{"what": "low on disk", "of": "main-01", "why": words}]
    assert unfit_hosts([low], 300) == [f"Host main-01 is {words}"]


def test_a_host_that_is_removed_counts_as_out_of_reach_no_more():
    assert unfit_rows([a_host(unreachable_since=NOW, state=HostState.REMOVING), a_host("main-02")], 300) == []


def test_a_session_that_is_over_is_listed_with_its_user_its_end_and_the_reason():
    over = an_instance(user="ada", state=InstanceState.FAILED, reason="its host main-01 failed", host=None)
    (row,) = session_rows([over])
    assert (row["user"], row["ended"], row["why"]) == ("ada", "2026-01-05 08:00:00 UTC", "its host main-01 failed")
    assert row["expires"] == ""


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
