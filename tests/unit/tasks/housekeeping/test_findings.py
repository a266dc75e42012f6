"""What a tick says of blocks that are missing or cannot be read, and how a pool goes on without its own."""

import asyncio

import pytest

from blocks.outside import outside, standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest, NotFound
from pool.records import FlavorSize, Image
from pool.states import InstanceState
from tasks.housekeeping.findings import look_at_blocks
from tasks.housekeeping.observing import list_pools
from tasks.housekeeping.recording import read_settings
from tasks.housekeeping.retention import _forget_versions
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, ask, claim
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

WHY = "blueprint 'broken': port: must be given"


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    blocks = FakeBlocks({PoolConfig: {"main": PoolConfig(), "gpu": PoolConfig(DD_MAX_HOSTS=7)}, Blueprint: {}})
    with standing_in(fake_outside(store=store, stored=blocks)) as door:
        yield door
    store.close()


def said() -> str:
    return asyncio.run(look_at_blocks.fn())


def tick_then_delete_block(door) -> None:
    asyncio.run(read_settings.fn("gpu"))
    del door.stored.blocks[PoolConfig]["gpu"]


def test_where_all_is_well_nothing_is_said(door):
    assert said() == ""


def test_a_blueprint_that_cannot_be_read_is_named(door):
    door.stored.blocks[Blueprint]["broken"] = BadRequest(WHY)
    assert said() == f"its sessions are refused: {WHY}"


def test_no_version_of_an_image_is_forgotten_while_a_blueprint_cannot_be_read(door):
    for number in range(40):
        door.store.images.put(Image("main", "lab", f"sha256:{number:064}", 1))
    door.stored.blocks[Blueprint]["broken"] = BadRequest(WHY)
    assert _forget_versions() == 0
    del door.stored.blocks[Blueprint]["broken"]
    assert _forget_versions() > 0


def test_a_pool_whose_block_is_deleted_is_named_and_goes_on_as_it_was_configured_last(door):
    claim(door.store, pool="gpu")
    tick_then_delete_block(door)
    assert said().startswith("pool gpu has 1 host and 0 sessions, and no block pool-config/gpu: it goes on as")
    assert asyncio.run(list_pools.fn()) == ["gpu", "main"]
    assert outside().config("gpu").DD_MAX_HOSTS == 7


def test_a_pool_without_hosts_and_sessions_is_forgotten_with_its_block(door):
    tick_then_delete_block(door)
    assert (said(), asyncio.run(list_pools.fn())) == ("", ["main"])
    with pytest.raises(NotFound, match="no pool is named 'gpu'; known: main"):
        outside().config("gpu")


def test_a_session_alone_keeps_its_pool_until_it_ends(door):
    ask(door.store, pool="gpu")
    tick_then_delete_block(door)
    assert "0 hosts and 1 session" in said()
    door.store.instances.move("alice-1", InstanceState.FAILED, NOW)
    assert said() == ""


def test_hosts_of_a_pool_that_never_had_a_tick_are_named_and_left_alone(door):
    door.store.hosts.claim("old", FlavorSize.SMALL, 6, "run-1", 4, NOW)
    assert "nor was one ever read: nothing is done for them until you save the block" in said()


def test_a_configuration_is_written_once_and_again_when_it_changed(door):
    asyncio.run(read_settings.fn("gpu"))
    writes = door.store.writes
    asyncio.run(read_settings.fn("gpu"))
    assert door.store.writes == writes
    door.stored.blocks[PoolConfig]["gpu"] = PoolConfig(DD_MAX_HOSTS=9)
    asyncio.run(read_settings.fn("gpu"))
    assert door.store.configs.last("gpu")["DD_MAX_HOSTS"] == 9
