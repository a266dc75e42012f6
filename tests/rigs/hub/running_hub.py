"""A JupyterHub whose users' servers are sessions of DockerDriver."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.rigs.hub.hub_process import KEPT, PROXY, HubProcess, npm_install, program_in
from tests.rigs.ports import free_port

CHECKOUT = Path(__file__).parents[3]
PROGRAM = program_in(KEPT)
DOORS = range(15200, 15300)
#: Nothing of DockerDriver needs Node, and Debian's npm brings hundreds of packages: the bootstrap does not install it.
needs_proxy = pytest.mark.skipif(
    not (PROGRAM.exists() or shutil.which("npm")),
    reason="the Hub's proxy is a program of Node's, and npm is not there: apt-get install npm",
)
CONFIG = """
from dockerdriver_client.jupyterhub import handlers
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1}}
c.JupyterHub.spawner_class = "dockerdriver_client.jupyterhub.DockerDriverSpawner"
c.JupyterHub.extra_handlers = handlers
c.Spawner.poll_interval = 1
c.DockerDriverSpawner.api_url = "{api}"
c.DockerDriverSpawner.password_file = "{password}"
c.DockerDriverSpawner.door_url = "http://127.0.0.1:{door}"
{more}
"""


class RunningHub(HubProcess):
    """A Hub with our spawner. Its name is another than the gateway's."""

    def __init__(self, home: Path, api: str, password: Path, more: str = "") -> None:
        config = CONFIG.format(api=api, password=password, door=free_port(DOORS), more=more)
        paths = f"{CHECKOUT / 'runtime' / 'client'}:{CHECKOUT}"
        super().__init__(home, config, environment=os.environ | {"PYTHONPATH": paths})


def sign_in(page: Page, hub: RunningHub, user: str, to: str = "/hub/spawn") -> None:
    """Sign in to the Hub as a person does, on the way to one of its pages."""
    page.goto(f"{hub.url}/hub/login?next={to}")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", "made-up")
    page.click("#login_submit")


def proxy_program() -> Path:
    """The proxy's program; npm installs it where it is not there yet. The test is skipped where npm has no network."""
    if not PROGRAM.exists():
        installed = npm_install(KEPT)
        if not installed and subprocess.run(["npm", "ping"], check=False, capture_output=True).returncode:
            pytest.skip(f"npm's registry, which {PROXY} comes from, does not answer")
        assert installed, f"npm's registry answers, and npm could not install {PROXY}"
    return PROGRAM


@contextmanager
def running_hub(home: Path, api: str, password: Path, more: str = "") -> Iterator[RunningHub]:
    """Run a Hub and its proxy.

    Args:
        home: an empty folder.
        api: the address of Prefect's API.
        password: the file with its user:password.
        more: lines of its configuration.
    """
    hub = RunningHub(home, api, password, more)
    try:
        hub.start_proxy(proxy_program())
        hub.start()
        yield hub
    finally:
        hub.stop()
