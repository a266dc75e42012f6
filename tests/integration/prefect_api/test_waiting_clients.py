"""What clients that wait cost Prefect's server: a request each now and then, and not one each half second."""

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from blocks.stored.api_password import password_file
from dockerdriver_client import AsyncClient
from tests.rigs.services.guarded_server import GuardedServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

CLIENTS = 20
OPENING_SECONDS = 5  # in which each opens its stream, and has looked before and after
QUIET_SECONDS = 10


class Counted(httpx.AsyncHTTPTransport):
    """Sends each request, and counts it."""

    def __init__(self, asked: Counter[str]) -> None:
        super().__init__()
        self._asked = asked

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._asked[request.url.path] += 1
        return await super().handle_async_request(request)


def tell(server: GuardedServer, name: str, state: str) -> None:
    """Write the answer of a session, and tell of it, as the publisher does."""
    said = {"instance_id": name, "user": "ada", "state": state, "url": "http://s.test/", "launch_url": "x"}
    server.call("POST", "/artifacts/", key=f"instance-{name}", type="table", data=json.dumps([said]))
    event = {
        "id": str(uuid4()),
        "event": f"dockerdriver.instance.{state}",
        "occurred": datetime.now(UTC).isoformat(),
        "resource": {"prefect.resource.id": f"dockerdriver.instance.{name}"},
    }
    assert server.rest.post("/events", json=[event]).status_code == 204


def tell_that_it_runs(server: GuardedServer, name: str) -> float:
    """The moment right before that."""
    moment = time.monotonic()
    tell(server, name, "running")
    return moment


async def wait(server: GuardedServer, name: str, asked: Counter[str]) -> float:
    """Wait for a session as a platform does; the moment in which it was heard to run."""
    file = password_file(server.settings)
    async with AsyncClient(server.url, password_file=file, transport=Counted(asked)) as client:
        await client.wait(name, timeout=90)
        return time.monotonic()


def test_twenty_clients_that_wait_ask_next_to_nothing_and_hear_at_once_that_their_sessions_run(server):
    names, asked = [f"waits-{number}" for number in range(CLIENTS)], Counter[str]()
    for name in names:
        tell(server, name, "starting")

    async def all_wait() -> tuple[int, list[float]]:
        waits = [asyncio.create_task(wait(server, name, asked)) for name in names]
        await asyncio.sleep(OPENING_SECONDS)
        before = asked.total()
        await asyncio.sleep(QUIET_SECONDS)
        while_quiet = asked.total() - before
        told = [await asyncio.to_thread(tell_that_it_runs, server, name) for name in names]
        return while_quiet, [await heard - moment for heard, moment in zip(waits, told, strict=True)]

    while_quiet, late = asyncio.run(all_wait())
    print(f"{while_quiet} requests of {CLIENTS} clients in {QUIET_SECONDS} s; told after {sorted(late)[-1]:.2f} s")
    assert while_quiet <= CLIENTS  # half of them looked once: an event may be lost
    assert max(late) < 5
