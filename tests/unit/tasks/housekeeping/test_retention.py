"""Forgetting what is old: each step whatever became of the others."""

import asyncio
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

from blocks.kept_files import KeptFiles
from blocks.outside import standing_in
from pool.store.pool_store import PoolStore
from tasks.housekeeping.retention import forget_old
from tests.rigs.fakes import SETTINGS, fake_outside
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit


class FullDisk(KeptFiles):
    """Logs cannot be renamed; results can be deleted."""

    def __init__(self):
        self.before = None

    def rotate_gateway_logs(self):
        raise OSError(28, "No space left on device")

    def drop_results(self, before):
        self.before = before
        return 3


def test_logs_that_cannot_be_rotated_keep_no_result_and_no_record_from_being_deleted(tmp_path):
    store, files = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}"), FullDisk()
    store.upgrade()
    with standing_in(fake_outside(store=store, files=files)):
        assert asyncio.run(forget_old.fn()) == "3 results of flow runs deleted"
    assert files.before == NOW - timedelta(hours=SETTINGS.kept_results_hours)


def test_results_older_than_the_retention_are_deleted_and_younger_ones_stay(tmp_path):
    for name, age in (("link-of-yesterday", 86400), ("link-of-now", 0)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (NOW.timestamp() - age,) * 2)
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        assert KeptFiles(SimpleNamespace()).drop_results(NOW - timedelta(hours=1)) == 1
        assert KeptFiles(SimpleNamespace()).drop_results(NOW) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["link-of-now"]
