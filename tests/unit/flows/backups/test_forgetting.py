"""Which backups are forgotten, and which snapshots deleted."""

import asyncio
from dataclasses import replace

import pytest

from blocks.stored.pool_config import PoolConfig
from flows.backups.forget_backups import forget_old_backups
from pool.backups.reading_back import SHARE_SECONDS
from pool.backups.states import BackupCause, BackupState, BackupTrouble
from pool.errors import Refused
from tests.rigs.kept_work import counting

pytestmark = pytest.mark.unit

SESSION_ENDS = BackupCause.SESSION_ENDS


def test_what_is_beyond_the_number_is_forgotten_and_what_no_record_names_deleted_a_day_later(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.backups.write("alice-2.1", [b"half, of a dead process"])
    world.config = PoolConfig(DD_BACKUPS_KEPT=1)
    with world.process():
        said = [asyncio.run(forget_old_backups.fn()).message]
    world.clock.pass_by(86400)
    with world.process():
        said.append(asyncio.run(forget_old_backups.fn()).message)
    assert said == ["1 backup is forgotten, 0 snapshots deleted", "0 backups are forgotten, 2 snapshots deleted"]
    assert world.start("alice-3").restored_from == "alice-2.1"


def test_a_share_of_what_is_kept_is_read_each_time_another_one(world):
    for _ in range(3):
        with world.process():
            asyncio.run(forget_old_backups.fn())
        world.clock.pass_by(SHARE_SECONDS)
    first, *others = world.backups.shares_read
    assert others == [first + 1, first + 2]


def test_a_repository_that_cannot_be_read_any_more_is_told_and_what_is_not_needed_is_forgotten(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.config = PoolConfig(DD_BACKUPS_KEPT=1)
    world.backups.troubles = [BackupTrouble("pack 1f2e is not there")]
    with world.process():
        said = asyncio.run(forget_old_backups.fn()).message
    told = "not all that is kept can be read: pack 1f2e is not there"
    assert said == f"1 backup is forgotten, 0 snapshots deleted; {told}"
    assert counting(world) == ["alice-2.1"]


def two_of(world, pool: str) -> None:
    """Two backups of one user that count, on record and in the repository."""
    for name in ("bob-1", "bob-2"):
        backup = world.store.backups.begin(replace(world.get(), id=name, pool=pool), SESSION_ENDS, world.clock.now())
        written = world.backups.write(backup.id, [b"work"])
        world.store.backups.move(backup.id, BackupState.WRITTEN, world.clock.now(), snapshot=written.snapshot)
        world.store.backups.move(backup.id, BackupState.VERIFIED, world.clock.now())


def test_a_pool_that_cannot_be_read_keeps_its_backups_and_no_other_one_from_forgetting(world):
    two_of(world, "broken")
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.pools = {"main": PoolConfig(DD_BACKUPS_KEPT=1), "broken": Refused("DD_SLOTS is no number")}
    with world.process():
        said = asyncio.run(forget_old_backups.fn()).message
    assert said == (
        "1 backup is forgotten, 0 snapshots deleted; no backup of pool broken is forgotten: DD_SLOTS is no number"
    )
    assert counting(world) == ["alice-2.1", "bob-2.1", "bob-1.1"]


def test_backups_of_a_pool_that_is_gone_are_forgotten_by_what_it_kept_last(world):
    two_of(world, "gone")
    world.store.configs.keep("gone", {"DD_BACKUPS_KEPT": 1})
    with world.process():
        assert asyncio.run(forget_old_backups.fn()).message.startswith("1 backup is forgotten")
    assert counting(world) == ["bob-2.1"]
