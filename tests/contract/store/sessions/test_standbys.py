"""Standbys in the store, on SQLite and on PostgreSQL: their room, and that each is given once."""

from collections.abc import Callable
from functools import partial

import pytest

from pool.errors import Refused, RefusedMove
from pool.records import BlueprintSpec
from pool.sessions.requests import Wanted
from pool.standbys.standby import Standby, StandbyState
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim_active, later, place
from tests.rigs.present import present
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract


def a_standby(store, ready: bool = True, host: str = "main-01", **blueprint) -> Standby:
    begun = store.standbys.begin(a_blueprint(standby=1, **blueprint), host, "spec", "sha256:jupyter", NOW)
    return store.standbys.move(begun.id, StandbyState.READY, NOW) if ready else begun


def request(store, instance_id: str, *standbys: Standby, blueprint: BlueprintSpec | None = None):
    ids = [one.id for one in standbys]
    return store.instances.request(instance_id, blueprint or a_blueprint(), "ada", {}, NOW, standbys=ids)[0]


def test_a_request_has_the_room_the_address_and_the_container_of_its_standby(store):
    claim_active(store)
    standby = a_standby(store)
    got = request(store, "ada-1", standby)
    assert (got.state, got.standby, got.placement) == (InstanceState.STARTING, standby.id, standby.placement)
    assert (got.route, got.token, got.container) == (standby.route, standby.token, standby.container)


def test_its_room_goes_from_the_standbys_to_the_sessions_of_the_host(store):
    claim_active(store)
    standby = a_standby(store, slots=2)
    assert _room(store) == (0, 2)
    request(store, "ada-1", standby, blueprint=a_blueprint(slots=2))
    assert _room(store) == (2, 0)
    store.instances.move("ada-1", InstanceState.FAILED, NOW)
    assert _room(store) == (0, 0)


def test_a_standby_is_no_use_of_its_host_and_the_session_that_takes_it_is(store):
    claim_active(store)
    standby = a_standby(store)
    assert store.hosts.get("main-01").first_used_at is None
    request(store, "ada-1", standby)
    assert store.hosts.get("main-01").first_used_at == NOW


def test_twenty_requests_at_once_are_given_five_standbys_once_each(store):
    claim_active(store)
    standbys = [a_standby(store) for _ in range(5)]
    got = at_once(20, lambda number: request(store, f"s-{number}", *standbys))
    taken = [one.standby for one in got if one.standby]
    assert sorted(taken) == sorted(one.id for one in standbys)
    assert {one.state for one in got if not one.standby} == {InstanceState.QUEUED}


def test_one_request_many_times_at_once_has_one_standby(store):
    claim_active(store)
    standbys = [a_standby(store) for _ in range(3)]
    assert len({one.standby for one in at_once(8, lambda _: request(store, "ada-1", *standbys))}) == 1
    assert _room(store) == (1, 2)


def _nth(steps: list[Callable], which: int) -> object:
    return steps[which]()


def test_a_standby_that_is_given_up_and_asked_for_at_once_has_one_end(store):
    claim_active(store)
    for number in range(10):
        standby = a_standby(store)
        steps: list[Callable] = [
            partial(request, store, f"s-{number}", standby),
            partial(store.standbys.move, standby.id, StandbyState.ENDING, NOW),
        ]
        got, ended = at_once(2, partial(_nth, steps))
        assert bool(got.standby) == isinstance(ended, RefusedMove)
        store.instances.move(got.id, InstanceState.FAILED, NOW)
        if not got.standby:
            store.standbys.move(standby.id, StandbyState.ENDED, NOW)


def test_a_class_is_given_the_standbys_that_there_are_in_its_order(store):
    claim_active(store)
    standbys = [a_standby(store) for _ in range(2)]
    wanted = [Wanted(f"s-{number}", "") for number in range(3)]
    ids = [one.id for one in standbys]
    got, _ = store.instances.request_all(wanted, a_blueprint(), {}, NOW, lambda _: (), standbys=ids)
    assert [one.standby for one in got] == [*ids, ""]


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.FAILED])
def test_no_request_is_given_a_standby_on_a_host_that_goes(store, state):
    claim_active(store)
    standby = a_standby(store)
    store.hosts.move("main-01", state, NOW)
    assert request(store, "ada-1", standby).state is InstanceState.QUEUED


def test_no_request_is_given_one_past_a_session_that_waits(store):
    claim_active(store)
    standby = a_standby(store)
    ask(store, "first")
    assert request(store, "second", standby).state is InstanceState.QUEUED


def test_a_session_takes_no_room_that_a_standby_holds(store):
    claim_active(store, slots=2)
    a_standby(store)
    for name in ("s-0", "s-1"):
        ask(store, name)
    assert (present(place(store, "s-0")).state, place(store, "s-1")) == (InstanceState.STARTING, None)


def test_standbys_and_sessions_share_no_port(store):
    claim_active(store)
    ask(store, "s-0")
    held = [a_standby(store).placement, present(place(store, "s-0")).placement, a_standby(store).placement]
    assert len({present(one).port for one in held}) == 3


def test_a_standby_shares_no_gpu_with_a_session(store):
    claim_active(store)
    begun = store.standbys.begin(a_blueprint(gpus=1), "main-01", "spec", "image", NOW, gpus=1)
    ask(store, "s-0", gpus=1)
    with pytest.raises(Refused, match="0 of 1 GPUs free"):
        store.instances.take_turn("s-0", "main-01", [], NOW, gpus=1)
    assert begun.placement.gpus == (0,)


def test_none_begins_where_there_is_no_room_or_that_takes_no_sessions(store):
    claim_active(store, slots=1)
    a_standby(store)
    assert store.standbys.begin(a_blueprint(), "main-01", "spec", "image", NOW) is None
    claim_active(store, "run-2")
    store.hosts.move("main-02", HostState.DRAINING, NOW)
    assert store.standbys.begin(a_blueprint(), "main-02", "spec", "image", NOW) is None


def test_its_room_comes_back_once_however_many_end_it(store):
    claim_active(store)
    standbys = [a_standby(store), a_standby(store)]
    at_once(8, lambda _: store.standbys.move(standbys[0].id, StandbyState.ENDED, NOW))
    assert _room(store) == (0, 1)


def test_one_that_a_session_has_is_not_ended(store):
    claim_active(store)
    standby = a_standby(store)
    request(store, "ada-1", standby)
    with pytest.raises(RefusedMove, match="cannot go from taken to ending"):
        store.standbys.move(standby.id, StandbyState.ENDING, NOW)


def test_its_container_is_over_when_the_session_that_has_it_is(store):
    claim_active(store)
    standby = a_standby(store)
    request(store, "ada-1", standby)
    assert store.standbys.over_among([standby.id, "ada-1"]) == set()
    store.instances.move("ada-1", InstanceState.FAILED, NOW)
    assert store.standbys.over_among([standby.id, "ada-1"]) == {standby.id}


def test_a_session_that_must_go_elsewhere_has_a_container_of_its_own_there(store):
    claim_active(store)
    standby = a_standby(store)
    request(store, "ada-1", standby)
    store.instances.move("ada-1", InstanceState.QUEUED, NOW)
    elsewhere = present(place(store, "ada-1"))
    assert (elsewhere.container, elsewhere.route) == ("dd-ada-1", standby.route)
    assert store.standbys.over_among([standby.id]) == {standby.id}


def test_records_of_those_that_are_over_are_forgotten_and_no_others(store):
    claim_active(store)
    over, standing = a_standby(store), a_standby(store)
    store.standbys.move(over.id, StandbyState.ENDED, NOW)
    assert (store.standbys.forget(NOW), store.standbys.forget(later(1))) == (0, 1)
    assert [one.id for one in store.standbys.all()] == [standing.id]


def test_a_host_with_none_but_standbys_can_be_removed(store):
    claim_active(store)
    a_standby(store)
    store.hosts.move("main-01", HostState.DRAINING, NOW)
    assert store.hosts.move("main-01", HostState.REMOVING, NOW).state is HostState.REMOVING


def _room(store) -> tuple[int, int]:
    host = store.hosts.get("main-01")
    return host.reserved, host.standby
