"""Work is kept: a session ends with a backup, and the next one begins with it."""

import asyncio
from functools import partial

import pytest

from blocks.stored.pool_config import PoolConfig
from flows.sessions.deprovision_instance import deprovision_instance
from flows.steps import sessions
from flows.steps.settling import end_or_ask
from pool.backups.rules import WARM_PLACES
from pool.backups.states import BackupFault, BackupTrouble
from pool.decisions import Decision, DecisionKind
from pool.errors import DockerDriverError, HostUnreachable, Refused
from pool.states import EndCause, InstanceState
from tasks.leases import LONGEST_PAUSE
from tests.rigs.homes import HomeEngine, HomeFile
from tests.rigs.kept_work import THE_SAME, counting

pytestmark = pytest.mark.unit


@pytest.fixture
def passing(world, monkeypatch):
    """What waits for another run lets time pass, and not the test's."""

    async def passes(seconds):
        if seconds > LONGEST_PAUSE:  # until a lease is renewed, by a thread that might outlive this world
            await asyncio.sleep(seconds)
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
    kept = ["withdraw_route", "begin_backup", "stop_container", "find_changes", "write_backup", "verify_backup"]
    assert prefect.called[1:] == [*kept, "withdraw_route", "remove_container", "move_instance", "give_out_room"]


def test_an_end_waits_for_a_repository_that_is_away_and_says_until_when(world):
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(DockerDriverError, match=r"keeps its container until it is backed up, .*: the store is"):
        world.end()
    assert world.get().state is InstanceState.STOPPING
    assert world.end().state is InstanceState.DELETED
    assert counting(world) == ["alice-1.1"]


def test_the_platform_reads_why_the_end_of_a_session_waits(world):
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(DockerDriverError):
        world.end()
    [told] = world.prefect.tables["instance-alice-1"]
    assert told["state"] == "stopping"
    assert told["notice"].endswith("The last try failed: the store is away")


def test_the_end_of_a_session_waits_for_the_same_reason_where_its_platform_cannot_be_told(world, monkeypatch):
    monkeypatch.setattr(world.kind, "write_answers", lambda *_: 1 / 0)
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(DockerDriverError, match="keeps its container until it is backed up"):
        world.end()


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


def test_a_backup_whose_part_of_the_repository_is_spoiled_is_refused_for_the_one_before(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.backups.spoiled = {"00000001"}
    assert world.start("alice-3").restored_from == "alice-1.1"
    assert world.store.backups.get("alice-2.1").fault is BackupFault.SPOILED


def test_a_session_does_not_begin_with_nothing_where_no_backup_of_its_user_can_be_read_any_more(world):
    world.end()
    world.backups.spoiled = {"00000000"}
    with pytest.raises(Refused, match=r"none of the backups of alice .* the option restore none"):
        world.start("alice-2")
    assert world.get("alice-2").state is InstanceState.FAILED
    assert world.start("alice-3", restore="none").state is InstanceState.RUNNING


def test_nor_does_the_next_one_that_the_user_asks_for_after_that_refusal(world):
    world.end()
    world.backups.spoiled = {"00000000"}
    for name in ("alice-2", "alice-3"):
        with pytest.raises(Refused, match=r"none of the backups of alice .* the option restore none"):
            world.start(name)


def test_a_session_does_not_begin_without_the_work_that_cannot_be_read_now(world):
    world.end()
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(BackupTrouble, match=r"the store is away$"):
        world.start("alice-2")
    assert counting(world) == ["alice-1.1"]


def test_where_the_newest_backup_cannot_be_read_now_the_one_before_is_named(world):
    world.end()
    world.start("alice-2")
    world.end("alice-2")
    world.backups.troubles = [BackupTrouble("the store is away")]
    with pytest.raises(BackupTrouble, match=r"the store is away; the one before is alice-1.1: the option restore"):
        world.start("alice-3")


@pytest.mark.usefixtures("passing")
def test_a_session_waits_for_the_backup_of_its_users_last_one(world):
    world.store.instances.move("alice-1", InstanceState.STOPPING, world.clock.now())
    with pytest.raises(Refused, match="alice-1 of the same user is still being backed up"):
        world.start("alice-2")


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
