"""What comes out of backups: a link to all of one, a file beside the living one, a list of files."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.backups.backup_instance import backup_instance
from flows.backups.download_backup import download_backup
from flows.backups.list_files import list_files
from flows.backups.restore_files import restore_files
from pool.backups.states import BackupCause, BackupState
from tests.rigs.fakes import FakeDownloads
from tests.rigs.homes import HomeFile, files_of
from tests.rigs.kept_work import THE_SAME, WORK
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit


def downloaded(world, minutes: int = 30):
    with world.process() as prefect:
        message = asyncio.run(download_backup.fn("alice-1.1", minutes)).message
    return message, prefect.tables["download-alice-1-1"][0]


def test_a_whole_backup_is_given_to_the_one_who_has_the_link(world):
    world.end()
    message, link = downloaded(world)
    assert files_of([world.downloads.given]) == WORK
    assert message == f"backup alice-1.1 was downloaded: {len(world.downloads.given)} bytes"
    assert link["download_url"].endswith(f"/downloads/{world.downloads.secret}")
    assert link["until"] == f"{world.clock.now() + timedelta(minutes=30):%Y-%m-%dT%H:%M:%S+00:00}"


def test_a_link_that_is_not_used_in_its_time_is_over_and_the_run_says_so(world):
    world.end()
    world.downloads = FakeDownloads(used=False)
    assert downloaded(world, 5)[0] == "the link to backup alice-1.1 was not used within 5 minutes, and is over"


@pytest.mark.parametrize(
    ("backup", "minutes", "said"),
    [
        ("alice-1.1", 0, "minutes is 0; it must be whole minutes, 1 to 720"),
        ("alice-1.1", 721, "1 to 720"),
        ("alice-1.2", 30, "is failed: there is nothing that could be downloaded"),
        ("eve-1.1", 30, "no backup is named eve-1.1"),
    ],
)
def test_no_link_is_offered_to_what_cannot_be_downloaded_or_for_a_time_that_cannot_be(world, backup, minutes, said):
    world.end()
    failed = world.store.backups.begin(replace(world.get(), created_at=world.clock.now()), BackupCause.REQUESTED, NOW)
    world.store.backups.move(failed.id, BackupState.FAILED, NOW)
    with world.process() as prefect:
        assert said in asyncio.run(download_backup.fn(backup, minutes)).message
    assert prefect.tables == {}


def restore(world, name: str, **asked) -> str:
    with world.process():
        return asyncio.run(restore_files.fn(name, **asked)).message


def test_a_file_comes_back_beside_the_living_one_with_its_owner(world):
    world.end()
    world.start("alice-2")
    world.home("alice-2").files["home/thesis"] = HomeFile(b"spoiled")
    said = restore(world, "alice-2", backup="alice-1.1", path="/home/thesis")
    assert re.fullmatch(r"1 file of backup alice-1.1 is in /home/restored-2026-\d\d-\d\d-\d{4}-on-2026-[\d-]{12}", said)
    there = world.home("alice-2").files
    assert there.pop("home/thesis").content == b"spoiled"
    assert [*there.values()] == [*THE_SAME.values()]


def test_what_was_restored_and_worked_on_is_not_replaced_when_the_same_is_restored_again(world):
    world.end()
    world.start("alice-2")
    restore(world, "alice-2", path="/home/thesis")
    there = world.home("alice-2").files
    [restored] = [name for name in there if "restored-" in name]
    there[restored] = HomeFile(b"a new chapter")
    restore(world, "alice-2", path="/home/thesis")
    assert there[restored].content == b"a new chapter"
    assert len([name for name in there if "restored-" in name]) == 2


def test_a_session_of_no_particular_user_is_given_no_other_ones_files(world):
    for name in ("walk-in-1", "walk-in-2"):
        world.start(name, user="")
    world.home("walk-in-1").files |= WORK
    world.end("walk-in-1")
    assert "no backup of this user" in restore(world, "walk-in-2", backup="walk-in-1.1")
    assert "there is no backup" in restore(world, "walk-in-2")


def test_a_session_of_no_particular_user_is_given_its_own_files_back(world):
    world.start("walk-in-1", user="")
    world.home("walk-in-1").files |= WORK
    with world.process():
        asyncio.run(backup_instance.fn("walk-in-1"))
    assert restore(world, "walk-in-1").startswith("1 file of backup walk-in-1.1 is in /home/restored-")


def test_the_files_of_a_backup_are_a_table(world):
    world.home("alice-1").files["home/notes/a"] = HomeFile(b"12345")
    world.end()
    with world.process() as prefect:
        assert asyncio.run(list_files.fn("alice-1.1")).message == "backup alice-1.1 holds 2 files"
        asyncio.run(list_files.fn("alice-1.1", "/home/notes"))
    assert prefect.tables["files-of-alice-1-1"] == [
        {"file": "/home/notes/a", "bytes": 5, "changed": "1970-01-01 00:00"}
    ]


def test_a_file_that_no_backup_holds_is_named(world):
    world.end()
    world.start("alice-2")
    assert restore(world, "alice-2", path="/home/other") == "backup alice-1.1 holds no file /home/other"
