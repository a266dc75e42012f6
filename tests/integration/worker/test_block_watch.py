"""A process that keeps blocks hears of it when an operator changes one, and reads it again."""

import asyncio
from functools import partial

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.stored.documents.kept_blocks import SETTLE_SECONDS
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig
from runtime.worker.block_watch import watch_blocks
from tests.rigs.services.saved_blocks import register_block, save_block

pytestmark = pytest.mark.integration


async def kept_after(seconds: float, stored: StoredBlocks) -> int:
    """What is read when whatever is on its way has arrived, and what was read is kept."""
    await asyncio.sleep(seconds)
    return (await asyncio.to_thread(stored.config, "kept")).DD_MAX_HOSTS


async def read_before_and_after(server, stored: StoredBlocks) -> list[int]:
    watch = asyncio.create_task(watch_blocks(stored.kept, print))
    try:
        seen = [await kept_after(2 * SETTLE_SECONDS, stored)]
        found = server.call("GET", "/block_types/slug/pool-config/block_documents/name/kept")
        data = {"data": {"DD_MAX_HOSTS": 7}, "merge_existing_data": True}
        await asyncio.to_thread(server.call, "PATCH", f"/block_documents/{found['id']}", **data)
        return [*seen, await kept_after(2 * SETTLE_SECONDS, stored)]
    finally:
        watch.cancel()


def test_a_block_that_is_changed_by_the_api_is_read_again_by_a_process_that_kept_it(prefect_server):
    stored, loads = StoredBlocks(), []
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        register_block(PoolConfig)
        save_block(PoolConfig(DD_MAX_HOSTS=3), "kept")
        keep = stored.kept.get

        def noted(key, read):
            def load():
                loads.append(key)
                return read()

            return keep(key, load)

        vars(stored.kept)["get"] = noted
        assert asyncio.run(read_before_and_after(prefect_server, stored)) == [3, 7]
        assert len(loads) == 2


async def names_before_and_after(stored: StoredBlocks, save) -> list[bool]:
    watch = asyncio.create_task(watch_blocks(stored.kept, print))
    try:
        await asyncio.sleep(2 * SETTLE_SECONDS)
        seen = ["saved-later" in await asyncio.to_thread(stored.names, PoolConfig)]
        await asyncio.to_thread(save)
        await asyncio.sleep(2 * SETTLE_SECONDS)
        return [*seen, "saved-later" in await asyncio.to_thread(stored.names, PoolConfig)]
    finally:
        watch.cancel()


def test_a_block_that_is_saved_is_among_the_names_of_a_process_that_kept_them(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        register_block(PoolConfig)
        save = partial(save_block, PoolConfig(), "saved-later")
        assert asyncio.run(names_before_and_after(StoredBlocks(), save)) == [False, True]
