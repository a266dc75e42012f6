"""What a task does to a host is told to Prefect at once, not by the next tick."""

import asyncio
from types import SimpleNamespace

import pytest

from pool.settings import PoolSettings
from pool.states import HostState
from pool.store.pool_store import PoolStore
from tasks import events as telling
from tasks.hosts import host_images as baking
from tasks.hosts import operator as service
from tests.rigs.pool_data import claim_active

pytestmark = pytest.mark.unit


@pytest.fixture
def store(monkeypatch, tmp_path):
    it = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    it.upgrade()
    config = SimpleNamespace(DD_SHUTDOWN_MODE=False, settings=PoolSettings)
    for module in (baking, service, telling):
        monkeypatch.setattr(module, "pool_store", lambda: it)
    for module in (baking, service):
        monkeypatch.setattr(module, "pool_config", lambda _pool: config)
    yield it
    it.close()


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """Names of the events, in order."""
    events = []
    monkeypatch.setattr(telling, "emit", lambda change: events.append(change.event))
    return events


def test_an_operator_who_drains_a_host_and_returns_it_is_told_so(store, told):
    host = claim_active(store)
    asyncio.run(service.take_out_of_service.fn(host.name, None, "a new kernel"))
    assert told.pop() == "dockerdriver.host.draining"
    asyncio.run(service.put_back_into_service.fn(host.name, "done"))
    assert told.pop() == "dockerdriver.host.active"


def test_a_host_that_is_claimed_for_baking_is_told(store, told):
    host = asyncio.run(baking.claim_host_to_bake.fn(baking.Bake("main", "image", "playbook", "recipe")))
    assert (host.state, told) == (HostState.SPAWNING, ["dockerdriver.host.spawning"])
