"""Baking a host image, and dying over it at any step: the host never serves, and nothing of it stays."""

import asyncio

import pytest

from blocks.outside import standing_in
from flows.hosts.bake_host_image import make_image
from pool.errors import CloudTrouble
from pool.sessions.placement import candidates
from pool.settings import PoolSettings
from pool.states import HostState
from pool.store.pool_store import PoolStore
from tasks.hosts.host_images import Bake
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import NOW
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

BAKE = Bake("main", "dockerdriver-main-1", "playbook", "recipe")
STEPS = ("apply_playbook", "send_images", "prepare_for_image", "take_image")
REAL = ("claim_host_to_bake", "move_host")


class BakingTasks(ScriptedTasks):
    """The records are really kept; what is done outside is noted by name."""

    def __init__(self, store: PoolStore):
        super().__init__(prove_gone=True, **dict.fromkeys(("wait_for_ssh", "delete_server", "check_host")))
        self.store, self.done, self.dies_at = store, list[tuple[str, HostState]](), ""
        for name in ("create_server", "wait_for_server"):
            self.answer(name, lambda host: host)

    def call(self, task, args, kwargs):
        if task.name in REAL:
            return task.fn(*args, **kwargs)
        if task.name in STEPS:
            self.take(task.name)
        return super().call(task, args, kwargs)

    def take(self, step: str) -> None:
        self.done.append((step, self.store.hosts.get("main-01").state))
        assert not candidates(self.store.hosts.all("main"), 1, NOW, PoolSettings(), 60)  # no session gets onto it
        if step == self.dies_at:
            raise CloudTrouble(f"{step} failed")


@pytest.fixture
def tasks(tmp_path):
    store = new_store(tmp_path)
    with standing_in(fake_outside(store=store, prefect=BakingTasks(store))) as door:
        yield door.prefect
    store.close()


def test_a_host_without_slots_is_configured_stripped_copied_and_removed(tasks):
    asyncio.run(make_image(BAKE, []))
    assert [step for step, _ in tasks.done] == [*STEPS]
    host = tasks.store.hosts.get("main-01")
    assert (host.slots, host.state, host.reason) == (0, "removed", "it becomes the host image dockerdriver-main-1")


@pytest.mark.parametrize("step", STEPS)
def test_whatever_fails_is_told_and_the_host_goes(tasks, step):
    tasks.dies_at = step
    with pytest.raises(CloudTrouble, match=f"{step} failed"):
        asyncio.run(make_image(BAKE, []))
    assert "delete_server" in tasks.names
    host = tasks.store.hosts.get("main-01")
    assert (host.state, host.fault) == (HostState.REMOVED, None)  # no breaker counts it


def test_no_move_leads_back_into_service_before_anything_is_taken_off_the_host(tasks):
    asyncio.run(make_image(BAKE, []))
    assert dict(tasks.done)["prepare_for_image"] is HostState.REMOVING
