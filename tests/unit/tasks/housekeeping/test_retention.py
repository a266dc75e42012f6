"""Forgetting what is old: each step whatever became of the others."""

import asyncio
import os
from datetime import timedelta

import pytest
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from blocks.kept_files import KeptFiles
from blocks.outside import standing_in
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from tasks.housekeeping.retention import ANSWERS_EACH_TIME, ANSWERS_KEPT, forget_old, forget_old_answers
from tests.rigs.fakes import SETTINGS, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, ask
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class FullDisk(KeptFiles):
    """Logs cannot be renamed."""

    def __init__(self):
        pass

    def rotate_gateway_logs(self):
        raise OSError(28, "No space left on device")


class OldAnswers(FakePrefect):
    """Artifacts that are old enough, by key; keeps which are deleted."""

    def __init__(self, *keys: str):
        super().__init__()
        self.old, self.deleted = list(keys), list[str]()

    async def old_tables(self, prefix, since):
        self.since = since
        return self.old

    async def delete_tables(self, keys):
        self.deleted += keys
        return len(keys)


@pytest.fixture
def store(tmp_path) -> PoolStore:
    return new_store(tmp_path)


def test_logs_that_cannot_be_rotated_keep_no_record_from_being_deleted(store):
    ask(store, "long-over")
    store.instances.move("long-over", InstanceState.FAILED, NOW - timedelta(days=SETTINGS.kept_records_days + 1))
    with standing_in(fake_outside(store=store, files=FullDisk())):
        assert asyncio.run(forget_old.fn()) == "1 record of sessions deleted"


def test_old_answers_go_once_their_sessions_are_over_or_forgotten_and_those_of_living_ones_stay(store):
    for name in ("lives", "over"):
        ask(store, name)
    store.instances.move("over", InstanceState.FAILED, NOW)
    prefect = OldAnswers("instance-lives", "instance-over", "instance-forgotten")
    with standing_in(fake_outside(store=store, prefect=prefect)):
        assert asyncio.run(forget_old_answers.fn()) == ""
    assert prefect.deleted == ["instance-over", "instance-forgotten"]
    assert prefect.since == NOW - ANSWERS_KEPT


def test_a_tick_deletes_a_bounded_number_of_answers(store):
    prefect = OldAnswers(*(f"instance-{number}" for number in range(ANSWERS_EACH_TIME + 5)))
    with standing_in(fake_outside(store=store, prefect=prefect)):
        asyncio.run(forget_old_answers.fn())
    assert len(prefect.deleted) == ANSWERS_EACH_TIME


def test_most_ticks_look_for_no_old_answers(store):
    prefect = OldAnswers("instance-forgotten")
    with standing_in(fake_outside(store=store, prefect=prefect)) as door:
        door.clock.pass_by(60)
        asyncio.run(forget_old_answers.fn())
    assert prefect.deleted == []


def test_results_older_than_the_retention_are_deleted_and_younger_ones_stay(tmp_path):
    for name, age in (("link-of-yesterday", 86400), ("link-of-now", 0)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (NOW.timestamp() - age,) * 2)
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        files = KeptFiles(SETTINGS.model_copy(update={"kept_results_hours": 1}))
        assert files.drop_old_results(NOW) == 1
        assert files.drop_old_results(NOW) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["link-of-now"]
