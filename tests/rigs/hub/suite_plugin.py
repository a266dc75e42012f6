"""For pytest, in JupyterHub's own tests: what spawns processes there spawns sessions of a pool of paper.

It puts our spawner where those tests take the Hub's own ones from, before they are imported: their spawners that are
slow, bad or never start are then slow, bad and never-starting ones of ours.
"""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import jupyterhub.handlers
import jupyterhub.spawner
import pytest
from traitlets import Integer, default

from dockerdriver_client import AsyncClient
from dockerdriver_client.jupyterhub import DockerDriverSpawner, handlers
from dockerdriver_client.jupyterhub.door import close_doors
from tests.rigs.hub.paper_pool import PaperPool
from tests.rigs.ports import free_port

POOL = PaperPool()
PORTS = range(15400, 15500)
_ports: dict[str, int] = {}  # by the prefix of a Hub: these tests have several in one process
_ids: list[str] = []  # of sessions; a state has a number, as that of a process


class SuiteSpawner(DockerDriverSpawner):
    """Ours, with the traits that those tests set of a process, and answer and state in the form that they read."""

    interrupt_timeout, term_timeout, kill_timeout = Integer(1), Integer(1), Integer(1)
    look_seconds = 0.05

    @default("door_url")
    def _door_url_default(self) -> str:
        return f"http://127.0.0.1:{_ports.setdefault(self.hub.base_url, free_port(PORTS))}"

    def make_client(self) -> AsyncClient:
        transport = httpx.MockTransport(POOL)
        return AsyncClient("http://pool.test/api", password="hub:made-up", transport=transport)

    async def start(self) -> tuple[str, int]:
        await asyncio.sleep(0.3)  # as a process takes: a test of theirs looks at a start that lasts
        parts = urlsplit(await super().start())
        return parts.hostname, parts.port

    def get_state(self) -> dict:
        if not (said := super().get_state()):
            return {}
        _ids.append(said["instance_id"])
        return {"pid": len(_ids)}

    def load_state(self, state: dict) -> None:
        super().load_state({"instance_id": _ids[state["pid"] - 1]} if state else {})


jupyterhub.spawner.LocalProcessSpawner = SuiteSpawner
jupyterhub.spawner.SimpleLocalProcessSpawner = SuiteSpawner
jupyterhub.handlers.default_handlers.extend(handlers)


@pytest.fixture(scope="module", autouse=True)
def a_door_for_each_loop() -> Iterator[None]:
    """Each module has an event loop, and a Hub, of its own."""
    yield
    close_doors()
    _ports.clear()
    SuiteSpawner._clients.clear()
