"""For pytest, in JupyterHub's own tests: what spawns processes there spawns sessions of a pool of paper.

It puts our spawner where those tests take the Hub's own ones from, before they are imported: their spawners that are
slow, bad or never start are then slow, bad and never-starting ones of ours.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import jupyterhub.spawner
import pytest
from traitlets import Integer

from dockerdriver_client import AsyncClient
from dockerdriver_client.jupyterhub import DockerDriverSpawner
from dockerdriver_client.jupyterhub.door import close_doors
from tests.rigs.hub.paper_pool import PaperPool
from tests.rigs.ports import free_port

POOL = PaperPool()
PORTS = range(15400, 15500)


class SuiteSpawner(DockerDriverSpawner):
    """Ours, with the traits that those tests set of a process, and the answer in the form that they read."""

    interrupt_timeout, term_timeout, kill_timeout = Integer(1), Integer(1), Integer(1)
    look_seconds = 0.05

    def make_client(self) -> AsyncClient:
        transport = httpx.MockTransport(POOL)
        return AsyncClient("http://pool.test/api", password="hub:made-up", transport=transport)

    async def start(self) -> tuple[str, int]:
        parts = urlsplit(await super().start())
        return parts.hostname, parts.port


jupyterhub.spawner.LocalProcessSpawner = SuiteSpawner
jupyterhub.spawner.SimpleLocalProcessSpawner = SuiteSpawner


@pytest.fixture(scope="module", autouse=True)
def a_door_for_each_loop() -> Iterator[None]:
    """Each module has an event loop, and a Hub, of its own."""
    SuiteSpawner.door_url.default_value = f"http://127.0.0.1:{free_port(PORTS)}"
    yield
    close_doors()
    SuiteSpawner._clients.clear()
