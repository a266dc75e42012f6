"""Which machines are told of a new login key."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.clouds.port import Cloud
from blocks.clouds.static import StaticCloud, StaticMachine
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.states import HostState
from tasks.keys.machines import LEAVING, hosts_to_tell, operators_machines
from tests.rigs.fakes import Blocks, FakeBlocks, fake_outside

pytestmark = pytest.mark.unit


def test_a_machine_of_the_operators_list_is_told_though_no_host_is_on_it():
    machine = StaticMachine(name="rack-1", address="10.0.0.9", host_key="ssh-ed25519 AAAA")
    pool, cloud = PoolConfig(cloud="static-cloud/main"), StaticCloud(machines=[machine])
    blocks: Blocks = {PoolConfig: {"main": pool}, Cloud: {"main": cloud}}
    store = SimpleNamespace(writes=0, configs=SimpleNamespace(pools_in_use=list))
    with standing_in(fake_outside(stored=FakeBlocks(blocks), store=store)):
        (found,) = asyncio.run(operators_machines.fn())
    assert (found.id, found.address, found.host_key) == ("rack-1", "10.0.0.9", "ssh-ed25519 AAAA")


def test_hosts_that_are_being_made_are_told_and_those_that_leave_are_not():
    asked = []

    def every(*given):
        asked.append(given)
        return []

    store = SimpleNamespace(writes=0, hosts=SimpleNamespace(all=every))
    with standing_in(fake_outside(store=store)):
        asyncio.run(hosts_to_tell.fn())
    ((pool, states),) = asked
    assert pool is None
    assert set(states) == set(HostState) - {HostState.REMOVED} - LEAVING
