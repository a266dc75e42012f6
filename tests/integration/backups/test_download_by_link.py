"""A backup comes whole by its link: the product's own flow, a real restic and a real nginx between them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from blocks.backups.downloads import Downloads
from blocks.backups.restic import ResticRepository
from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.backup_store import BackupPlace
from flows.backups.download_backup import download_backup
from pool.backups.states import BackupCause, BackupState
from pool.store.pool_store import PoolStore
from tests.rigs.fakes import FakeBlocks, FakePlaces, FakePrefect, fake_outside
from tests.rigs.gateways.gateway import running_gateway
from tests.rigs.homes import HomeFile, files_of, tar_of_home
from tests.rigs.pool_data import NOW, an_instance
from tests.rigs.quick_repository import make_quick
from tests.rigs.services.databases import migrated_sqlite
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

WORK = {"home/thesis": HomeFile(b"years of work" * 200_000, 4711, 100, 0o600), "home/ü name": HomeFile(b"z")}


@pytest.fixture
def gateway():
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def door(tmp_path, gateway):
    (tmp_path / "pool.sqlite").write_bytes(migrated_sqlite())
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    blocks = FakeBlocks({BackupPlace: {"main": BackupPlace(key="k")}})
    make_quick(tmp_path / "backups", "k")
    repository = ResticRepository(blocks, tmp_path / "backups", "dd-test", FakePlaces())
    written = repository.write("alice-1.1", [tar_of_home(WORK, "home")])
    backup = store.backups.begin(an_instance("alice-1"), BackupCause.REQUESTED, NOW)
    facts: dict[str, Any] = {"size": written.size, "digest": written.digest, "snapshot": written.snapshot, "files": 2}
    store.backups.move(backup.id, BackupState.WRITTEN, NOW, **facts)
    store.backups.move(backup.id, BackupState.VERIFIED, NOW)
    settings = ProcessSettings(_env_file=None, public_url=gateway.url)
    ports = {
        "store": store,
        "backups": repository,
        "downloads": Downloads(gateway.config.downloads, gateway.config.settings.user),
    }
    yield fake_outside(**ports, prefect=FakePrefect(), settings=settings)
    store.close()


def test_the_files_of_a_backup_come_by_the_link_that_its_run_left_and_the_run_says_so(door):
    def run():
        with standing_in(door):
            return asyncio.run(download_backup.fn("alice-1.1", 1))

    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(run)
        until(lambda: "download-alice-1-1" in door.prefect.tables, "the link is there")
        link = door.prefect.tables["download-alice-1-1"][0]["download_url"]
        answer = httpx.post(link, trust_env=False, timeout=30)
        assert files_of([answer.content]) == WORK
        assert ended.result().message == f"backup alice-1.1 was downloaded: {len(answer.content)} bytes"
    assert httpx.post(link, trust_env=False).status_code == 410
