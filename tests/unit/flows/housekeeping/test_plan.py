"""What-if and advice as runs: figures as the result, and a table as the artifact."""

import asyncio
from datetime import timedelta

import pytest

from blocks.outside import standing_in
from flows.housekeeping.plan import advise, what_if
from pool.states import InstanceState
from tests.rigs.fakes import FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def prefect(tmp_path):
    """Prefect beside a pool that nine sessions waited for in vain, five hours ago."""
    store, begin = new_store(tmp_path), NOW - timedelta(hours=5)
    for number in range(9):
        store.instances.request(f"s-{number}", a_blueprint(), "alice", {}, begin)
        store.instances.move(f"s-{number}", InstanceState.FAILED, begin)
    prefect = FakePrefect()
    with standing_in(fake_outside(store=store, prefect=prefect)):
        yield prefect
    store.close()


def test_what_if_answers_with_both_figures_and_leaves_them_as_a_table(prefect):
    figures = asyncio.run(what_if.fn(["DD_FREE_SLOT_TARGET=12"], since="6h", classes=["5@Mon05:00"]))
    assert figures["today"]["sessions"] == figures["then"]["sessions"] == 14
    assert figures["then"]["slots_in_vain"] > figures["today"]["slots_in_vain"]
    assert prefect.tables["what-if-main"][0] == {"what": "sessions", "today": "14", "then": "14"}
    assert prefect.task_runs == []


def test_what_if_tries_a_course_that_never_was_and_says_so_beside_the_settings(prefect):
    figures = asyncio.run(what_if.fn([], since="6h", courses=["5@Mon05:00"], without_courses=True))
    assert figures["today"]["sessions"] == figures["then"]["sessions"] == 14


def test_advice_answers_with_the_settings_to_turn_and_leaves_its_reasons(prefect):
    changes = asyncio.run(advise.fn(wait_p95="10m"))
    rows = prefect.tables["advise-main"]
    assert [row["text"] for row in rows if row["what"] == "turn"] == changes
    assert any(row["what"] == "because" for row in rows)


@pytest.mark.parametrize("since", ["6h", "today", "2026-01-04", "99999999d"])
def test_the_past_begins_at_any_moment_that_an_operator_may_write(prefect, since):
    assert asyncio.run(what_if.fn([], since=since))["today"]["sessions"] == 9


def test_a_setting_that_is_none_fails_the_run_with_its_sentence(prefect):
    assert "a replay knows no setting 'FREE'" in asyncio.run(what_if.fn(["FREE=1"])).message
