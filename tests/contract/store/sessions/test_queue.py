"""The queue in the store, on SQLite and on PostgreSQL: order, turns, and moves that must not come too late."""

from threading import Thread

import pytest

from pool.errors import RefusedMove
from pool.states import HostState, InstanceState
from pool.store.instances import instance_store
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, later

pytestmark = pytest.mark.contract


def wait_in_line(store, *names: str, pool: str = "main") -> None:
    for place, name in enumerate(names):
        store.instances.request(name, a_blueprint(pool=pool), "u", {}, later(place))


def test_the_queue_is_in_the_order_of_the_requests(store):
    wait_in_line(store, "c", "a", "b")
    wait_in_line(store, "of-another-pool", pool="gpu")
    assert [one.id for one in store.instances.queue("main")] == ["c", "a", "b"]


def test_room_is_taken_in_turn(store):
    claim_active(store)
    wait_in_line(store, "first", "second")
    assert store.instances.take_turn("second", "main-01", (), NOW) is None
    assert store.hosts.get("main-01").reserved == 0
    for name in ("first", "second"):
        assert store.instances.take_turn(name, "main-01", (), NOW).state is InstanceState.STARTING


def test_one_passes_those_that_the_host_is_no_use_to_and_no_others(store):
    claim_active(store)
    wait_in_line(store, "a", "b", "c")
    assert store.instances.take_turn("c", "main-01", {"a"}, NOW) is None
    assert store.instances.take_turn("c", "main-01", {"a", "b"}, NOW).host == "main-01"


def test_of_two_of_one_moment_the_first_by_id_is_first(store):
    claim_active(store)
    for name in ("b", "a"):
        store.instances.request(name, a_blueprint(), "u", {}, NOW)
    assert store.instances.take_turn("b", "main-01", (), NOW) is None


def test_the_queue_of_another_pool_holds_up_no_other(store):
    claim_active(store)
    wait_in_line(store, "first", pool="gpu")
    wait_in_line(store, "second")
    assert store.instances.take_turn("second", "main-01", (), NOW) is not None


def test_room_that_one_gives_back_to_queue_again_is_not_taken_past_it(store, monkeypatch):
    claim_active(store, slots=1)
    wait_in_line(store, "first", "second")
    store.instances.take_turn("first", "main-01", (), NOW)
    first = Thread(target=store.instances.move, args=("first", InstanceState.QUEUED, NOW))

    def look_while_the_first_comes_back(*args):
        others = look(*args)
        first.start()
        first.join(0.5)  # it waits for the host's row, or for the database
        return others

    look = vars(instance_store)["has_others_before"]
    monkeypatch.setattr(instance_store, "has_others_before", look_while_the_first_comes_back)
    assert store.instances.take_turn("second", "main-01", (), NOW) is None
    first.join()
    assert [one.id for one in store.instances.queue("main")] == ["first", "second"]


def test_a_host_that_does_not_take_sessions_gives_no_session_its_turn(store):
    claim_active(store)
    wait_in_line(store, "first")
    store.hosts.move("main-01", HostState.DRAINING, NOW)
    assert store.instances.take_turn("first", "main-01", (), NOW) is None


def test_one_that_got_room_is_no_longer_given_up(store):
    claim_active(store)
    wait_in_line(store, "first")
    store.instances.take_turn("first", "main-01", (), NOW)
    with pytest.raises(RefusedMove, match="instance first is starting, no longer queued"):
        store.instances.move("first", InstanceState.FAILED, NOW, "waited", only_from=InstanceState.QUEUED)
    assert store.hosts.get("main-01").reserved == 1
