"""Sessions on their way to another host, on both databases: room on both, given back once."""

import threading

import pytest

from pool.errors import Refused, RefusedMove
from pool.records import KeptWork, Placement
from pool.states import EndCause, HostState, InstanceState
from tests.rigs.pool_data import NOW, ask, claim_active, later, place, run
from tests.rigs.present import present

pytestmark = pytest.mark.contract

KEEP = KeptWork(("/home/jovyan",))


@pytest.fixture
def instance(store):
    """Alice's session runs on main-01; main-02 is empty."""
    claim_active(store)
    claim_active(store, run="run-2")
    ask(store, keep=KEEP, slots=2)
    place(store)
    return run(store)


def set_out(store, host="main-02", **more):
    return store.instances.set_out("alice-1", host, "run-7", "from main-01 to main-02", later(60), **more)


def moved(store, backup="alice-1.2"):
    set_out(store)
    store.instances.note_carried("alice-1", backup)
    return store.instances.hand_over("alice-1", later(90))


def reserved(store) -> dict[str, int]:
    return {host.name: host.reserved for host in store.hosts.all()}


def test_a_session_that_sets_out_holds_room_on_both_hosts_and_stays_where_it_was(store, instance):
    moving = set_out(store)
    assert (moving.state, moving.placement, moving.target) == (
        InstanceState.MOVING,
        instance.placement,
        Placement("main-02", 20000),
    )
    assert (moving.moved_by, moving.reason, moving.state_since) == ("run-7", "from main-01 to main-02", later(60))
    assert reserved(store) == {"main-01": 2, "main-02": 2}


def test_a_session_that_was_handed_over_starts_elsewhere_with_its_address_and_its_time(store, instance):
    starting = moved(store)
    assert (starting.state, starting.placement, starting.target) == (
        InstanceState.STARTING,
        Placement("main-02", 20000),
        None,
    )
    assert (starting.last_host, starting.carried) == ("main-01", "alice-1.2")
    assert (starting.route, starting.token, starting.expires_at) == (instance.route, instance.token, later(3600))
    assert reserved(store) == {"main-01": 0, "main-02": 2}
    assert store.hosts.get("main-01").idle_since == later(90)


def test_a_moved_session_runs_until_the_moment_until_which_it_was_to_run_before(store, instance):
    phases = store.timings.of("alice-1")
    moved(store)
    running = store.instances.begin_to_run("alice-1", later(100), later(9999), {}, "alice-1.2")
    assert (running.state, running.expires_at, running.carried) == (InstanceState.RUNNING, later(3600), "")
    assert running.restored_from == "alice-1.2"
    assert store.timings.of("alice-1") == phases


def test_handing_over_twice_gives_the_room_back_once(store, instance):
    assert moved(store) == store.instances.hand_over("alice-1", later(99))
    assert reserved(store) == {"main-01": 0, "main-02": 2}


def test_a_session_is_not_handed_over_before_its_work_is_in_a_backup(store, instance):
    set_out(store)
    with pytest.raises(RefusedMove, match="its work is in no backup yet"):
        store.instances.hand_over("alice-1", NOW)
    with pytest.raises(RefusedMove, match="without a backup that it takes along"):
        store.instances.move("alice-1", InstanceState.QUEUED, NOW)


def test_a_session_whose_new_host_serves_no_more_waits_and_holds_no_room(store, instance):
    set_out(store)
    store.hosts.move("main-02", HostState.DRAINING, NOW)
    store.instances.note_carried("alice-1", "alice-1.2")
    waiting = store.instances.hand_over("alice-1", later(90))
    assert (waiting.state, waiting.placement, waiting.target) == (InstanceState.QUEUED, None, None)
    assert reserved(store) == {"main-01": 0, "main-02": 0}
    assert present(place(store, "alice-1", "main-01")).carried == "alice-1.2"


def test_a_session_that_stays_gives_the_other_room_back_and_may_be_moved_again(store, instance):
    set_out(store)
    staying = store.instances.stay("alice-1", "it stays", later(70))
    assert (staying.state, staying.placement, staying.target) == (InstanceState.RUNNING, instance.placement, None)
    assert (staying.moved_by, staying.expires_at) == ("", later(3600))
    assert store.instances.stay("alice-1", "it stays", later(71)) == staying
    assert reserved(store) == {"main-01": 2, "main-02": 0}


def test_a_session_whose_work_is_in_a_backup_stays_no_more(store, instance):
    set_out(store)
    store.instances.note_carried("alice-1", "alice-1.2")
    with pytest.raises(RefusedMove, match=r"cannot stay: backup alice-1\.2 has its work"):
        store.instances.stay("alice-1", "", NOW)


@pytest.mark.parametrize("carried", [False, True])
def test_a_session_that_ends_while_it_moves_gives_both_rooms_back_once(store, instance, carried):
    set_out(store)
    if carried:
        store.instances.note_carried("alice-1", "alice-1.2")
    store.instances.move("alice-1", InstanceState.STOPPING, NOW, cause=EndCause.REQUESTED)
    assert reserved(store) == {"main-01": 2, "main-02": 2}
    ended = store.instances.move("alice-1", InstanceState.DELETED, NOW)
    assert (ended.placement, ended.target) == (None, None)
    assert reserved(store) == {"main-01": 0, "main-02": 0}


@pytest.mark.parametrize("step", ["note_carried", "hand_over", "stay"])
def test_a_session_that_is_being_ended_is_moved_no_further(store, instance, step):
    set_out(store)
    store.instances.move("alice-1", InstanceState.STOPPING, NOW)
    arguments = {"note_carried": ("alice-1.2",), "hand_over": (NOW,), "stay": ("", NOW)}[step]
    with pytest.raises(RefusedMove, match="instance alice-1 is stopping, no longer moving"):
        getattr(store.instances, step)("alice-1", *arguments)


def test_a_host_without_room_or_out_of_service_is_not_set_out_for(store, instance):
    ask(store, "bob-1", slots=5)
    place(store, "bob-1", "main-02")
    assert set_out(store) is None
    store.hosts.move("main-02", HostState.DRAINING, NOW)
    assert set_out(store) is None
    assert store.instances.get("alice-1") == instance


def test_only_a_session_that_runs_sets_out_and_not_for_where_it_is(store, instance):
    with pytest.raises(RefusedMove, match="is on host main-01 already"):
        set_out(store, "main-01")
    set_out(store)
    with pytest.raises(RefusedMove, match="cannot go from moving to moving"):
        set_out(store)


def test_a_port_that_is_reserved_is_given_to_no_other_session(store, instance):
    set_out(store, ports=[20000, 20001])
    ask(store, "bob-1")
    assert store.instances.take_turn("bob-1", "main-02", [], NOW, ports=[20000, 20001]).port == 20001
    ask(store, "eve-1")
    with pytest.raises(Refused, match="has no free session port"):
        store.instances.take_turn("eve-1", "main-02", [], NOW, ports=[20000, 20001])


def test_gpus_that_are_reserved_are_given_to_no_other_session(store):
    for name in ("run-1", "run-2"):
        claim_active(store, run=name)
    ask(store, gpus=1)
    store.instances.take_turn("alice-1", "main-01", [], NOW, gpus=2)
    run(store)
    assert set_out(store, gpus=2).target.gpus == (0,)
    ask(store, "bob-1", gpus=1)
    assert store.instances.take_turn("bob-1", "main-02", [], NOW, gpus=2).placement.gpus == (1,)


def test_of_moves_at_once_one_sets_out(store, instance):
    outcomes: list = []

    def try_it() -> None:
        try:
            outcomes.append(set_out(store))
        except RefusedMove as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, RefusedMove) for one in outcomes) == 5
    assert reserved(store) == {"main-01": 2, "main-02": 2}


def test_a_session_that_was_moved_stayed_all_the_time(store, instance):
    moved(store)
    store.instances.begin_to_run("alice-1", later(100), later(9999), {}, "alice-1.2")
    store.instances.move("alice-1", InstanceState.STOPPING, later(1000))
    store.instances.move("alice-1", InstanceState.DELETED, later(1000))
    (visit,) = store.history.visits("main", NOW, later(2000))
    assert (visit.waited, visit.stayed) == (0, 1000)
