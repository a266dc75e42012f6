"""Room is given out in order, whatever is wrong with the blueprint of one that waits."""

import asyncio

import pytest

from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest
from pool.records import Image
from tasks.sessions.coming_runs import starting_later
from tasks.sessions.queue import give_out_room
from tests.rigs.fakes import Blocks, FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

WHY = "blueprint 'broken': port: must be given"
BLOCKS: Blocks = {
    PoolConfig: {"main": PoolConfig()},
    Blueprint: {"broken": BadRequest(WHY), "jupyter": Blueprint(image="jupyter", port=8888)},
}


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    with standing_in(fake_outside(store=store, stored=FakeBlocks(BLOCKS))):
        yield store
    store.close()


def test_a_session_whose_blueprint_cannot_be_read_holds_up_no_other(store):
    store.images.mark(claim_active(store).name, "sha256:a", NOW)
    ask(store, "a-first", name="broken")
    ask(store, "b-next")
    assert [served.id for served in asyncio.run(give_out_room.fn("main"))] == ["b-next"]


def test_a_session_whose_run_looks_for_room_right_now_gets_it_and_needs_no_other_run(store):
    store.images.mark(claim_active(store, slots=2).name, "sha256:a", NOW)
    ask(store, "a-here")
    ask(store, "b-elsewhere")

    async def give_out() -> list[str]:
        async with starting_later("a-here"):
            return [needs.id for needs in await give_out_room.fn("main")]

    assert asyncio.run(give_out()) == ["b-elsewhere"]
    assert store.instances.queue("main") == []
