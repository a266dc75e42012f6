"""Work is kept: the steps of backups on a real store, with an engine and a repository in memory."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from blocks.stored.pool_config import PoolConfig
from flows.backups.backup_instance import backup_instance
from flows.backups.download_backup import download_backup
from flows.backups.forget_backups import forget_old_backups
from flows.backups.list_files import list_files
from flows.backups.restore_files import restore_files
from flows.sessions.deprovision_instance import deprovision_instance
from flows.steps import sessions
from flows.steps.acting import act
from flows.steps.settling import end_or_ask
from pool.backups.rules import WARM_PLACES
from pool.backups.states import BackupCause, BackupFault, BackupState, BackupTrouble
from pool.decisions import Decision, DecisionKind
from pool.errors import DockerDriverError, HostUnreachable, Refused
from pool.states import EndCause, InstanceState
from tests.rigs.fakes import FakeDownloads
from tests.rigs.homes import HomeEngine, HomeFile, files_of
from tests.rigs.kept_work import BLUEPRINT, KEEP, THE_SAME, WORK, counting, kept_world
from tests.rigs.pool_data import NOW, place

pytestmark = pytest.mark.unit

SESSION_ENDS = BackupCause.SESSION_ENDS


@pytest.fixture
def world():
    with kept_world() as world:
        yield world


@pytest.fixture
def passing(world, monkeypatch):
    """What waits for another run lets time pass, and not the test's."""

    async def passes(seconds):
        world.clock.pass_by(seconds)

    monkeypatch.setattr("tasks.leases.sleep", passes)
    monkeypatch.setattr("tasks.backups.restoring.sleep", passes)


def test_what_a_session_made_is_in_its_users_next_one_before_its_program_starts(world):
    assert world.end().state is InstanceState.DELETED
    started = world.start("alice-2")
    assert world.home("alice-2").started_with == THE_SAME
    assert started.restored_from == "alice-1.1"


def test_another_user_and_a_session_that_wants_nothing_back_begin_with_nothing(world):
    world.end()
    world.start("bob-1", "bob")
    world.start("alice-2", restore="none")
    assert world.home("bob-1").started_with == world.home("alice-2").started_with == {}


def test_a_session_that_wants_an_older_backup_gets_that_one(world):
    world.end()
    world.start("alice-2")
    world.home("alice-2").files.clear()
    world.home("alice-2").files["home/other"] = HomeFile(b"later")
    world.end("alice-2")
    world.start("alice-3", restore="alice-1.1")
    assert [*world.home("alice-3").started_with] == ["home/thesis"]


def test_the_container_stays_until_its_backup_was_read_back(world):
    with world.process() as prefect:
        asyncio.run(sessions.end_session(world.get(), "asked for", EndCause.REQUESTED))
    kept = ["withdraw_route", "begin_backup", "stop_container", "write_backup", "verify_backup"]
    assert prefect.called[1:] == [*kept, "withdraw_route", "remove_container", "move_instance", "give_out_room"]


def test_an_end_waits_for_a_repository_that_is_away_and_says_until_when(world):
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(DockerDriverError, match=r"keeps its container until it is backed up, .*: the store is"):
        world.end()
    assert world.get().state is InstanceState.STOPPING
    assert world.end().state is InstanceState.DELETED
    assert counting(world) == ["alice-1.1"]


def backed_up_with(world, *command: str):
    """The message of a backup of a running session whose blueprint has this command before it, and the backup."""
    keep = replace(KEEP, before=command, before_seconds=5)
    world.store.instances.request("alice-9", replace(BLUEPRINT, keep=keep), "alice", {}, world.clock.now())
    place(world.store, "alice-9")
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("alice-9"), replace(BLUEPRINT, keep=keep)))
        world.home("alice-9").files |= WORK
        message = asyncio.run(backup_instance.fn("alice-9")).message
    return message, world.store.backups.get("alice-9.1")


def test_a_running_session_is_told_before_its_files_are_read(world):
    _, backup = backed_up_with(world, "dump", "--all")
    assert (backup.files, backup.counts, backup.reason) == (2, True, "read back")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("fail", "but fail, the command before it, ended with exit code 3"),
        ("hang", "but hang, the command before it, was not over after 5 s"),
        ("none", "but none, the command before it, could not be run: exec: none: not found"),
    ],
)
def test_a_backup_counts_though_its_session_could_not_be_told_and_says_so(world, command, told):
    message, backup = backed_up_with(world, command, "a secret")
    assert (backup.counts, backup.reason) == (True, f"read back; {told}")
    assert message.endswith(f"; {backup.reason}")
    assert "a secret" not in message


def test_a_session_that_ends_is_stopped_and_not_told(world):
    backed_up_with(world, "dump")
    del world.home("alice-9").files["home/dump"]
    with world.process() as prefect:
        asyncio.run(sessions.end_session(world.get("alice-9"), "asked for", EndCause.REQUESTED))
    assert "tell_application" not in prefect.called


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
        ("alice-1.1", 0, "minutes is 0; a link is good for whole minutes, 1 to 720"),
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


def held_by_another_run(world, seconds: float) -> None:
    assert world.store.leases.take("backup of alice-1", "another run", 61 + seconds, world.clock.now()) is None


@pytest.mark.usefixtures("passing")
def test_an_end_waits_for_the_run_that_backs_the_session_up_already(world):
    held_by_another_run(world, 30)
    assert world.end().state is InstanceState.DELETED
    assert counting(world) == ["alice-1.1"]


def test_a_session_counts_as_worked_on_while_work_is_brought_back_and_until_it_runs(world, monkeypatch):
    world.end()
    seen = []
    held = partial(world.store.leases.holders, ["backup of alice-2"])

    def note(home_engine, *_):
        seen.append(bool(held(world.clock.now())))

    monkeypatch.setattr(HomeEngine, "write_files", note)
    monkeypatch.setattr(HomeEngine, "_start", note)
    world.start("alice-2")
    assert (seen, held(world.clock.now())) == ([True, True], {})


def test_after_the_pools_limit_a_session_ends_without_and_that_is_its_reason(world):
    world.config = PoolConfig(DD_BACKUP_WAIT=0)
    world.backups.troubles = [BackupTrouble("the store is away")]
    assert world.end().reason == "asked for; it was not backed up: the store is away"
    assert world.store.backups.get("alice-1.1").fault is BackupFault.REPOSITORY


def test_a_session_whose_host_does_not_answer_ends_without_a_backup_after_the_pools_limit(world, monkeypatch):
    def away(_engine, _name, _seconds):
        raise HostUnreachable("main-01 does not answer")

    monkeypatch.setattr(HomeEngine, "stop", away)
    with pytest.raises(DockerDriverError, match=r"keeps its container until it is backed up, .*: main-01 does not"):
        world.end()
    world.clock.pass_by(600)
    assert world.end().reason == "asked for; it was not backed up: main-01 does not answer"


def test_a_session_whose_container_is_gone_ends_at_once(world):
    world.engine.homes.clear()
    assert "not backed up: no such container" in world.end().reason


def test_a_backup_that_is_not_what_was_written_is_refused_for_the_one_before(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.backups.streams["00000001"] += b"a bit too much"
    assert world.start("alice-3").restored_from == "alice-1.1"
    assert world.store.backups.get("alice-2.1").fault is BackupFault.DIFFERS


def test_a_session_does_not_begin_without_the_work_that_cannot_be_read_now(world):
    world.end()
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(BackupTrouble, match="the store is away"):
        world.start("alice-2")
    assert counting(world) == ["alice-1.1"]


@pytest.mark.usefixtures("passing")
def test_a_session_waits_for_the_backup_of_its_users_last_one(world):
    world.store.instances.move("alice-1", InstanceState.STOPPING, world.clock.now())
    with pytest.raises(Refused, match="alice-1 of the same user is still being backed up"):
        world.start("alice-2")


def test_a_running_session_is_backed_up_on_request_and_goes_on(world):
    with world.process():
        state = asyncio.run(backup_instance.fn("alice-1"))
    assert state.message.startswith("backup alice-1.1 counts: 1 files")
    assert world.home("alice-1").status == "running"


def test_a_tick_ends_a_session_with_work_by_a_run_of_its_own(world):
    decision = Decision(DecisionKind.EXPIRE, "alice-1", "its time was over", cause=EndCause.EXPIRED)
    with world.process() as prefect:
        asyncio.run(end_or_ask(world.get(), decision, "tick-1"))
    assert world.get().state is InstanceState.STOPPING
    request = {"instance_id": "alice-1", "patient": True}
    assert prefect.triggered == [("deprovision-instance/with-backup", request, "end-tick-1")]
    assert (world.end().reason, world.get().end_cause) == ("its time was over", EndCause.EXPIRED)


def deprovision(world, **how):
    with world.process() as prefect:
        return asyncio.run(deprovision_instance.fn("alice-1", **how)).message, prefect.triggered


def fill_warm_places(world) -> None:
    for number, name in enumerate(WARM_PLACES):
        world.store.leases.take(name, f"run {number}", 99, world.clock.now())


def test_an_end_that_is_asked_for_is_done_at_once_while_few_others_back_up(world):
    assert deprovision(world) == ("instance alice-1 of alice is deleted", [])
    assert counting(world) == ["alice-1.1"]


def test_ends_with_backups_never_fill_the_places_of_the_warm_worker(world):
    fill_warm_places(world)
    said, [(deployment, request, _key)] = deprovision(world)
    assert said == "instance alice-1 of alice is stopping: it ends once it is backed up"
    assert (deployment, request["patient"]) == ("deprovision-instance/with-backup", True)
    assert world.get().state is InstanceState.STOPPING
    fill_warm_places(world)
    assert deprovision(world, patient=True) == ("instance alice-1 of alice is deleted", [])


def test_a_backup_of_a_session_that_ends_by_failure_counts_and_the_session_is_failed(world):
    with world.process():
        failed = sessions.end_session(world.get(), "exit code 1", EndCause.PROGRAM_ENDED, to=InstanceState.FAILED)
        assert asyncio.run(failed).state is InstanceState.FAILED
    assert counting(world) == ["alice-1.1"]


def asked_for(world, *ticks: int) -> list[str]:
    due = Decision(DecisionKind.BACK_UP, "alice-1", "its blueprint says so")
    with world.process() as prefect:
        for number in ticks:
            asyncio.run(act(due, number))
    return [key for _, _, key in prefect.triggered]


def scheduled(world) -> str:
    with world.process():
        return asyncio.run(backup_instance.fn("alice-1", scheduled=True)).message


def test_a_tick_asks_once_for_each_backup_that_is_due(world):
    assert [key.rpartition("-in-")[0] for key in asked_for(world, 0, 1)] == ["backup-alice-1-after-none"] * 2
    with world.process():
        asyncio.run(backup_instance.fn("alice-1"))
    assert asked_for(world, 2)[0].startswith("backup-alice-1-after-alice-1.1-1-in-")


def test_a_scheduled_backup_that_was_asked_for_twice_is_made_once(world):
    world.clock.pass_by(600)
    assert scheduled(world).startswith("backup alice-1.1 counts")
    assert scheduled(world) == "no backup of instance alice-1 is due"
    assert counting(world) == ["alice-1.1"]


def restore(world, name: str, **asked) -> str:
    with world.process():
        return asyncio.run(restore_files.fn(name, **asked)).message


def test_a_file_comes_back_beside_the_living_one_with_its_owner(world):
    world.end()
    world.start("alice-2")
    world.home("alice-2").files["home/thesis"] = HomeFile(b"spoiled")
    said = restore(world, "alice-2", backup="alice-1.1", path="/home/thesis")
    assert re.fullmatch(
        r"1 files of backup alice-1.1 are in /home/restored-2026-\d\d-\d\d-\d{4}-on-2026-[\d-]{12}", said
    )
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
    assert said == ["1 backups are forgotten, 0 snapshots deleted", "0 backups are forgotten, 2 snapshots deleted"]
    assert world.start("alice-3").restored_from == "alice-2.1"


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
        "1 backups are forgotten, 0 snapshots deleted; no backup of pool broken is forgotten: DD_SLOTS is no number"
    )
    assert counting(world) == ["alice-2.1", "bob-2.1", "bob-1.1"]


def test_backups_of_a_pool_that_is_gone_are_forgotten_by_what_it_kept_last(world):
    two_of(world, "gone")
    world.store.configs.keep("gone", {"DD_BACKUPS_KEPT": 1})
    with world.process():
        assert asyncio.run(forget_old_backups.fn()).message.startswith("1 backups are forgotten")
    assert counting(world) == ["bob-2.1"]
