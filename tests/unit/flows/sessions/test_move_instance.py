"""A session is moved to another host with its work, or stays as it was and the run says why."""

import asyncio

import pytest

from flows.sessions.move_instance import move_instance
from flows.steps import sessions
from flows.steps.acting import act
from flows.steps.moving import leave_host
from pool.backups.states import BackupState, BackupTrouble
from pool.blame import BAD_BLUEPRINT
from pool.decisions import Decision, DecisionKind
from pool.errors import EngineTrouble, HostUnreachable, WorkAway
from pool.states import EndCause, HostState, InstanceState
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeEngine, HomeFile
from tests.rigs.kept_work import BLUEPRINT, WORK, counting, dying
from tests.rigs.moved_work import add_host, held, homes, move, reserved, same_address, work_on, world_of_two_hosts
from tests.rigs.pool_data import place
from tests.rigs.present import present

pytestmark = pytest.mark.unit


@pytest.fixture
def world():
    with world_of_two_hosts() as world:
        yield world


def test_a_session_that_is_moved_has_its_work_its_address_and_its_time_on_the_other_host(world):
    before = world.get()
    assert move(world, reason="its host is old").message == "instance alice-1 runs on main-02, with backup alice-1.2"
    after = world.get()
    assert (after.state, after.host, after.carried, after.target) == (InstanceState.RUNNING, "main-02", "", None)
    assert same_address(before, after)
    assert work_on(world, "main-02") == WORK
    assert homes(world) == {"main-01": [], "main-02": ["dd-alice-1"]}
    assert reserved(world) == held(world) == {"main-01": 0, "main-02": 1}


def test_what_is_written_until_its_program_ends_comes_along(world, monkeypatch):
    whole = HomeEngine.stop

    def last_words(self, name, seconds):
        self.homes[name].files["home/last"] = HomeFile(b"autosaved")
        return whole(self, name, seconds)

    monkeypatch.setattr(HomeEngine, "stop", last_words)
    move(world)
    assert work_on(world, "main-02")["home/last"].content == b"autosaved"


def test_the_history_says_where_a_session_went_and_why(world):
    move(world, reason="its host is old")
    moving = next(line for line in world.store.history.of_instance("alice-1") if line.what.startswith("moving"))
    assert moving.why == "from main-01 to main-02: its host is old"


def test_a_session_of_no_user_takes_its_own_work_along_and_not_that_of_others(world):
    world.start("unnamed-1", user="")
    world.home("unnamed-1").files["home/mine"] = HomeFile(b"mine")
    move(world, "unnamed-1")
    assert [*world.engines["main-02"].homes["dd-unnamed-1"].started_with] == ["home/mine"]


@pytest.fixture
def left(world, monkeypatch):
    """The session has left its host, and nothing can be read of the repository any more."""
    with world.process():
        asyncio.run(leave_host(world.get(), "", "its host is old"))
    with monkeypatch.context() as patch:
        patch.setattr(FakeRepository, "_meet_trouble", lambda _: raised(BackupTrouble("the store is away")))
        yield patch


def raised(error):
    raise error


def start(world):
    with world.process():
        return asyncio.run(sessions.start_or_await(world.get(), BLUEPRINT))


def test_a_session_that_has_left_its_host_waits_for_a_repository_that_is_away_and_holds_no_run(world, left):
    with pytest.raises(WorkAway, match=r"alice-1 waits for its work, until 2026-01-05 .*: the store is away"):
        start(world)
    assert (world.get().state, world.get().host) == (InstanceState.STARTING, "main-02")
    left.undo()
    assert start(world).state is InstanceState.RUNNING
    assert work_on(world, "main-02") == WORK


def test_a_session_that_cannot_read_its_work_in_the_pools_time_fails_with_its_backup_kept(world, left):
    world.clock.pass_by(3600)  # DD_BACKUP_WAIT
    with pytest.raises(BackupTrouble, match="the store is away"):
        start(world)
    assert (world.get().state, counting(world)) == (InstanceState.FAILED, ["alice-1.2", "alice-1.1"])


def test_a_session_whose_last_backup_fails_goes_on_where_it_was(world, monkeypatch):
    whole, writes = FakeRepository.write, []

    def fails_at_last(self, name, stream):
        writes.append(name)
        if len(writes) == 2:
            raise BackupTrouble("the store is away")
        return whole(self, name, stream)

    monkeypatch.setattr(FakeRepository, "write", fails_at_last)
    before = world.get()
    assert move(world).message == "instance alice-1 is not moved and stays on main-01: the store is away"
    assert (world.get().state, world.home("alice-1").status) == (InstanceState.RUNNING, "running")
    assert same_address(before, world.get())
    assert reserved(world) == held(world) == {"main-01": 1, "main-02": 0}
    assert present(move(world).message).startswith("instance alice-1 runs on main-02")


def test_a_session_whose_container_was_removed_meanwhile_ends_with_that_cause_and_its_backup(world, monkeypatch):
    def lost(self, name, seconds):
        self.homes.pop(name, None)
        return False

    monkeypatch.setattr(HomeEngine, "stop", lost)
    move(world)
    ended = world.get()
    assert (ended.state, ended.end_cause) == (InstanceState.FAILED, EndCause.CONTAINER_REMOVED)
    assert counting(world) == ["alice-1.1"]
    assert reserved(world) == {"main-01": 0, "main-02": 0}


def test_a_session_whose_new_host_cannot_start_it_ends_with_the_cause_and_its_backup(world, monkeypatch):
    def cannot(self, spec):
        raise EngineTrouble("no such user: 7:7", BAD_BLUEPRINT)

    monkeypatch.setattr(HomeEngine, "_create", cannot)
    message = move(world).message
    ended = world.get()
    assert message == "instance alice-1 is failed: no such user: 7:7"
    assert (ended.state, ended.end_cause, ended.reason) == (
        InstanceState.FAILED,
        EndCause.NOT_STARTED,
        "no such user: 7:7",
    )
    assert counting(world) == ["alice-1.2", "alice-1.1"]


def test_a_new_host_that_serves_no_more_leaves_the_session_to_the_queue(world, monkeypatch):
    whole = HomeEngine.stop

    def meanwhile(self, name, seconds):
        world.store.hosts.move("main-02", HostState.DRAINING, world.clock.now())
        return whole(self, name, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(HomeEngine, "stop", meanwhile)
        message = move(world).message
    assert message == "instance alice-1 is on no host and waits for room: it starts once there is some"
    assert reserved(world) == {"main-01": 0, "main-02": 0}
    add_host(world, "main-03")
    place(world.store, "alice-1", "main-03", world.clock.now())
    with world.process():
        asyncio.run(sessions.start_or_await(world.get(), BLUEPRINT))
    assert work_on(world, "main-03") == WORK


def test_a_run_that_is_made_again_after_its_end_moves_nothing_again(world):
    move(world)
    assert move(world).message == "instance alice-1 runs on main-02, with backup alice-1.2"
    assert world.get().host == "main-02"


def test_a_tick_that_asks_late_begins_no_move(world):
    assert move(world, begun=True).message == "instance alice-1 runs on main-01"
    world.end()
    assert move(world, begun=True).message == "instance alice-1 is deleted"


def test_a_tick_has_a_run_go_on_with_a_move(world):
    with world.process() as prefect:
        asyncio.run(act(Decision(DecisionKind.MOVE_ON, "alice-1", "no run does"), 0))
    ((deployment, wanted, _),) = prefect.triggered
    assert (deployment, wanted) == ("move-instance/on-demand", {"instance_id": "alice-1", "begun": True})


def test_of_two_moves_at_once_one_moves_and_the_other_says_so(world, monkeypatch):
    whole, said = FakeRepository.write, list[str | None]()

    def another(self, name, stream):
        if not said:
            said.append(world.store.leases.take("moving of alice-1", "another run", 1, world.clock.now()))
        return whole(self, name, stream)

    monkeypatch.setattr(FakeRepository, "write", another)
    move(world)
    assert said == ["flow run a-run"]


def test_a_session_that_is_ended_while_it_moves_ends_and_gives_both_rooms_back(world, monkeypatch):
    whole = HomeEngine.stop

    def ended_meanwhile(self, name, seconds):
        now = world.clock.now()
        world.store.instances.move("alice-1", InstanceState.STOPPING, now, "asked for", cause=EndCause.REQUESTED)
        return whole(self, name, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(HomeEngine, "stop", ended_meanwhile)
        assert move(world).message == "instance alice-1 is stopping, no longer moving"
    assert reserved(world) == held(world) == {"main-01": 1, "main-02": 1}
    assert world.end().state is InstanceState.DELETED
    assert homes(world) == {"main-01": [], "main-02": []}
    assert reserved(world) == {"main-01": 0, "main-02": 0}
    world.start("alice-2")
    assert world.home("alice-2").started_with["home/thesis"].content == WORK["home/thesis"].content


def test_a_session_that_is_ended_after_it_left_is_not_backed_up_from_what_is_half_there(world):
    with world.process() as prefect, dying():
        prefect.dies_at = "fill_container"
        asyncio.run(move_instance.fn("alice-1"))
    assert world.get().state is InstanceState.STARTING
    assert world.end().state is InstanceState.DELETED
    assert counting(world) == ["alice-1.2", "alice-1.1"]
    assert reserved(world) == {"main-01": 0, "main-02": 0}


def test_a_host_that_does_not_answer_keeps_the_session_moving_until_it_does(world, monkeypatch):
    def away(self, *_):
        raise HostUnreachable("host main-01 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(HomeEngine, "stop", away)
        patch.setattr(HomeEngine, "start", away)
        assert move(world).message == "host main-01 does not answer"
    assert world.get().state is InstanceState.MOVING
    assert present(move(world, begun=True).message).startswith("instance alice-1 runs on main-02")
    assert work_on(world, "main-02") == WORK


def test_a_host_that_is_lost_once_the_work_is_safe_does_not_hold_up_the_move(world, monkeypatch):
    def lost(self, name):
        raise HostUnreachable("host main-01 does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(HomeEngine, "remove", lost)
        assert move(world).message == "host main-01 does not answer"
    assert (world.get().state, world.get().carried) == (InstanceState.MOVING, "alice-1.2")
    world.store.hosts.move("main-01", HostState.FAILED, world.clock.now())
    assert present(move(world, begun=True).message).startswith("instance alice-1 runs on main-02")
    assert world.store.backups.get("alice-1.2").state is BackupState.VERIFIED
