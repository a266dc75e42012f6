"""Baking a host image, and dying over it at any step: the host never serves, and nothing of it stays."""

import asyncio
from dataclasses import dataclass, field

import pytest

from flows import bake_host_image as module
from pool.errors import CloudTrouble
from pool.records import FlavorSize, Host
from pool.sessions.placement import candidates
from pool.settings import PoolSettings
from pool.states import HostState
from pool.store.pool_store import PoolStore
from tasks.hosts.host_images import Bake
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

BAKE = Bake("main", "dockerdriver-main-1", "playbook", "recipe")
STEPS = ("apply_playbook", "equip", "prepare_for_image", "take_image")


@dataclass
class World:
    """The records, really kept, and what was done outside, by name."""

    store: PoolStore
    done: list[str] = field(default_factory=list)
    dies_at: str = ""

    def step(self, name: str):
        async def take(*_):
            self.done.append(name)
            assert not candidates(self.store.hosts.all("main"), 1, NOW, PoolSettings(), 60)  # no session gets onto it
            if name == self.dies_at:
                raise CloudTrouble(f"{name} failed")

        return take

    async def claim(self, _bake) -> Host:
        return self.store.hosts.claim("main", FlavorSize.SMALL, 0, "run", 4, NOW)

    async def bring_up(self, host) -> Host:
        return self.store.hosts.move(host.name, HostState.CONFIGURING, NOW)

    async def move(self, name, to, reason="") -> Host:
        return self.store.hosts.move(name, to, NOW, reason=reason)

    async def remove(self, host, reason) -> None:
        self.done.append("remove")
        self.store.hosts.move(host.name, HostState.REMOVED, NOW, reason=reason)

    async def give_up(self, host, reason, fault) -> None:
        self.store.hosts.move(host.name, HostState.FAILED, NOW, reason=reason, fault=fault)
        self.store.hosts.move(host.name, HostState.REMOVING, NOW, reason=reason)
        await self.remove(host, reason)


@pytest.fixture
def world(monkeypatch, tmp_path) -> World:
    it = World(PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite"))
    it.store.upgrade()
    verbs = {"claim_host_to_bake": it.claim, "move_host": it.move}
    for name, verb in (verbs | {n: getattr(it, n) for n in ("bring_up", "remove", "give_up")}).items():
        monkeypatch.setattr(module, name, verb)
    for name in STEPS:
        monkeypatch.setattr(module, name, it.step(name))
    return it


def test_a_host_without_slots_is_configured_stripped_copied_and_removed(world):
    asyncio.run(module.make_image(BAKE, []))
    assert world.done == [*STEPS, "remove"]
    host = world.store.hosts.get("main-01")
    assert (host.slots, host.state, host.reason) == (0, "removed", "it becomes the host image dockerdriver-main-1")


@pytest.mark.parametrize("step", STEPS)
def test_whatever_fails_is_told_and_the_host_goes(world, step):
    world.dies_at = step
    with pytest.raises(CloudTrouble, match=f"{step} failed"):
        asyncio.run(module.make_image(BAKE, []))
    assert world.done == [*STEPS[: STEPS.index(step) + 1], "remove"]
    host = world.store.hosts.get("main-01")
    assert (host.state, host.fault) == (HostState.REMOVED, None)  # no breaker counts it


def test_no_move_leads_back_into_service_before_anything_is_taken_off_the_host(world, monkeypatch):
    states = []

    async def look(*_):
        states.append(world.store.hosts.get("main-01").state)

    monkeypatch.setattr(module, "prepare_for_image", look)
    asyncio.run(module.make_image(BAKE, []))
    assert states == [HostState.REMOVING]
