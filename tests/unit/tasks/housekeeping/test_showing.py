"""What a tick leaves of each pool to be looked at: sessions, timings, images by hosts, pictures of a day and a week."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.errors import DatabaseAway
from pool.records import Image
from pool.sessions.timings import Phase
from tasks.housekeeping import showing
from tests.rigs.fakes import FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim_active, later, place, run
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

LAB = Image("main", "lab", "sha256:" + "a" * 64, 1)


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    blocks = FakeBlocks({PoolConfig: {"main": PoolConfig(), "gpu": PoolConfig()}})
    with standing_in(fake_outside(store=store, stored=blocks)) as door:
        yield door
    store.close()


def show() -> str:
    return asyncio.run(showing.show_pools.fn())


def open_one(store, instance_id: str = "ada-1", took: float = 4) -> None:
    """A session of pool main that was asked for at `NOW`."""
    store.instances.request(instance_id, a_blueprint(), "ada", {}, later(1), accepted=NOW)
    place(store, instance_id, now=later(2))
    run(store, instance_id, now=later(3))
    store.timings.note_first(instance_id, Phase.ROUTED, later(took))


def test_living_sessions_are_rows_with_whose_they_are_and_without_their_secrets(door):
    claim_active(door.store)
    open_one(door.store)
    ask(door.store, "bob-1", slots=50)
    assert show() == ""
    rows = door.prefect.tables["sessions-main"]
    assert [(row["session"], row["user"], row["state"]) for row in rows] == [
        ("bob-1", "alice", "queued"),
        ("ada-1", "ada", "running"),
    ]
    secrets = {door.store.instances.get("ada-1").token, door.store.instances.get("ada-1").route}
    assert not secrets & {value for row in rows for value in row.values()}
    assert door.prefect.tables["sessions-gpu"] == []


def test_nothing_in_the_tables_and_pictures_changes_by_itself_for_a_quarter_of_an_hour(door):
    claim_active(door.store)
    open_one(door.store)
    door.clock.pass_by(60)
    show()
    before = (dict(door.prefect.tables), dict(door.prefect.pictures))
    door.clock.pass_by(800)
    show()
    assert (door.prefect.tables, door.prefect.pictures) == before


def test_of_many_sessions_the_last_row_says_how_many_are_left_out(door, monkeypatch):
    monkeypatch.setattr(showing, "MOST_ROWS", 2)
    for number in range(5):
        ask(door.store, f"ada-{number}")
    show()
    assert [row["session"] for row in door.prefect.tables["sessions-main"]] == ["ada-0", "ada-1", "and 3 more"]


def test_how_long_starts_took_is_of_the_pool_alone_and_of_a_day(door):
    claim_active(door.store)
    open_one(door.store)
    show()
    assert door.prefect.tables["timings-main"] == []
    door.clock.pass_by(60)
    show()
    rows = door.prefect.tables["timings-main"]
    assert {"of": "all", "until it is": "whole", "sessions": "1", "p50": "4.000 s", "p95": "4.000 s"}.items() <= {
        key: value for row in rows if (row["of"], row["until it is"]) == ("all", "whole") for key, value in row.items()
    }.items()
    assert door.prefect.tables["timings-gpu"] == []
    door.clock.pass_by(86401)
    show()
    assert door.prefect.tables["timings-main"] == []


def test_a_host_that_came_since_the_last_distribution_is_in_the_table_of_images(door):
    door.store.images.put(LAB)
    show()
    host = claim_active(door.store).name
    door.store.images.mark(host, LAB.id, NOW)
    show()
    assert door.prefect.tables["images-on-hosts-main"] == [{"image": "lab", "id": "a" * 12, host: "there"}]


def test_the_day_and_the_week_are_pictures_of_their_own(door):
    claim_active(door.store)
    open_one(door.store)
    door.clock.pass_by(7200)
    show()
    day, week = (door.prefect.pictures[f"{name}-main"] for name in ("last-day", "last-week"))
    assert "Sun 10:00 to Mon 10:00, UTC" in day
    assert "Mon 10:00 to Mon 10:00, UTC" in week
    assert 'class="launch"' in day
    assert len(week) < 40_000


def test_a_picture_that_is_kept_is_drawn_anew_in_the_next_quarter(door):
    show()
    before = door.prefect.pictures["last-day-main"]
    door.clock.pass_by(900)
    show()
    assert door.prefect.pictures["last-day-main"] != before


class OneRefused(FakePrefect):
    """A server that does not take what is of pool gpu."""

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        if key.endswith("-gpu"):
            raise DatabaseAway("no answer")
        super().write_table(rows, key, description)


def test_a_pool_that_cannot_be_shown_is_said_and_the_others_are_shown(door):
    prefect = OneRefused()
    with standing_in(fake_outside(store=door.store, stored=door.stored, prefect=prefect)):
        assert show() == "pool gpu is not shown: no answer"
    assert {"timings-main", "images-on-hosts-main"} <= prefect.tables.keys()
