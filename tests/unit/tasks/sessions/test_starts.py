"""How many containers start on one host at once: as many as its pool allows, and the others one after the other."""

import asyncio
from dataclasses import replace
from threading import Barrier, BrokenBarrierError

import pytest

from blocks.engine.client import HostEngine
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.records import Image
from pool.sessions.timings import Phase
from pool.standbys.standby import MARK
from tasks.sessions.containers import start_container
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class MeetingEngine(HostEngine):
    """Every host's engine, on which two starts meet if they are there at the same time."""

    def __init__(self) -> None:
        self.both, self.met, self.order = Barrier(2), list[str](), list[str]()

    def run(self, spec, created=lambda: None, prepared="") -> str:
        self.order.append(spec.name)
        try:
            self.both.wait(0.3)
            self.met.append(spec.name)
        except BrokenBarrierError:
            self.both.reset()
        return spec.name


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    claim_active(store)
    store.images.mark("main-01", "sha256:a", NOW)
    with standing_in(fake_outside(store=store, stored=FakeBlocks({}), engines=OneEngine(MeetingEngine()))) as door:
        yield door
    store.close()


def test_standbys_that_wait_for_their_turn_let_a_session_pass_that_comes_later(door):
    door.store.configs.keep("main", PoolConfig(DD_STARTS_PER_HOST=1).as_kept())
    session = present(place(door.store, ask(door.store, "alice-1").id))
    standbys = [replace(session, id=f"{MARK}{number}") for number in range(3)]

    async def start_all() -> None:
        await asyncio.gather(*(start_container.fn(each, a_blueprint()) for each in [*standbys, session]))

    asyncio.run(start_all())
    assert door.engines.engine.order.index(session.container) <= 1  # which of the four asks first is chance


@pytest.mark.parametrize(("most", "met"), [(1, 0), (2, 2), (0, 2)])
def test_no_more_containers_start_on_a_host_at_once_than_its_pool_allows(door, most, met):
    door.store.configs.keep("main", PoolConfig(DD_STARTS_PER_HOST=most).as_kept())
    sessions = [present(place(door.store, ask(door.store, name).id)) for name in ("alice-1", "bob-1")]

    async def start_both() -> list[dict]:
        return await asyncio.gather(*(start_container.fn(each, a_blueprint()) for each in sessions))

    assert all(list(reached) == [Phase.TURN, Phase.STARTED] for reached in asyncio.run(start_both()))
    assert len(door.engines.engine.met) == met
