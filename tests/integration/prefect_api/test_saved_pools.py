"""Pools that an operator adds and removes by the command, on Prefect's server as the stack starts it."""

import json

import pytest
from prefect.settings import temporary_settings

from blocks.stored.blueprint import Blueprint
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest, NotFound
from runtime.verbs import pools
from tests.rigs.services.databases import new_store
from tests.rigs.services.saved_blocks import register_block, save_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", autouse=True)
def registered(server):
    new_store(server.settings.data).close()
    with temporary_settings(server.as_a_client):
        for kind in (Blueprint, PoolConfig):
            register_block(kind)
        save_block(PoolConfig(DD_HOST_IMAGE="notebooks-2026"), "main")
        save_block(Blueprint(image="lab", port=8888, pool="gpu"), "on-gpu")
        yield


def test_a_pool_that_is_added_is_one_that_ticks_look_after_and_removed_it_is_gone(server, capsys):
    assert pools.add(server.settings, "gpu", ["DD_MAX_HOSTS=2", "DD_HOST_LIFETIME=6h"], "main", as_json=False) == 0
    config = StoredBlocks().config("gpu")
    assert (config.DD_HOST_IMAGE, config.DD_MAX_HOSTS, config.DD_HOST_LIFETIME) == ("notebooks-2026", 2, 21600)
    capsys.readouterr()
    assert pools.remove(server.settings, "gpu", yes=False, as_json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["blueprints"]) == ("removed", "on-gpu")
    with pytest.raises(NotFound, match="no pool is named 'gpu'; known: main"):
        StoredBlocks().config("gpu")


def test_a_name_that_no_host_s_could_begin_with_is_refused_by_the_server(server):
    with pytest.raises(BadRequest, match="is not 1 to 40 of a-z, 0-9 and -"):
        pools.add(server.settings, "gpu-", [], "main", as_json=False)
    assert "gpu-" not in StoredBlocks().pools()
