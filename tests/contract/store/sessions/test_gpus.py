"""GPUs of hosts in the store, on SQLite and on PostgreSQL."""

import pytest

from pool.errors import Refused
from pool.records import SESSION_PORTS
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, ask, claim_active
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract

ALL = [f"s-{number}" for number in range(6)]


def take(store, instance_id: str, gpus: int = 4):
    return store.instances.take_turn(instance_id, "main-01", ALL, NOW, SESSION_PORTS, gpus)


def test_a_session_has_gpus_of_its_own_until_it_gives_its_room_back(store):
    claim_active(store)
    for name in ALL[:3]:
        ask(store, name, gpus=2)
    assert [take(store, name).placement.gpus for name in ALL[:2]] == [(0, 1), (2, 3)]
    store.instances.move("s-0", InstanceState.FAILED, NOW)
    assert take(store, "s-2").placement.gpus == (0, 1)


def test_a_session_that_finds_too_few_gpus_takes_no_room_either(store):
    claim_active(store)
    ask(store, "s-0", gpus=2)
    with pytest.raises(Refused, match=r"^host main-01 has 1 of 1 GPUs free; instance s-0 needs 2$"):
        take(store, "s-0", gpus=1)
    assert (store.hosts.get("main-01").reserved, store.instances.get("s-0").state) == (0, InstanceState.QUEUED)


def test_a_session_without_gpus_takes_none(store):
    claim_active(store)
    ask(store, "s-0")
    assert take(store, "s-0").placement.gpus == ()


def test_sessions_that_take_their_turn_at_once_share_no_gpu(store):
    claim_active(store)
    for name in ALL:
        ask(store, name, gpus=1)
    taken = at_once(6, lambda number: take(store, ALL[number]))
    gpus = [one.placement.gpus for one in taken if not isinstance(one, Refused)]
    assert sorted(gpus) == [(0,), (1,), (2,), (3,)]
