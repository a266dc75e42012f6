"""A JupyterHub with configurable-http-proxy, whose users' servers are sessions of DockerDriver.

The proxy is a process of its own, so that a Hub may die and start again while its users go on.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from tests.rigs.ports import free_ports
from tests.rigs.services.prefect_server import stop
from tests.rigs.waiting import until

CHECKOUT = Path(__file__).parents[3]
KEPT = Path("/var/tmp/dockerdriver-tests/jupyterhub")  # what npm installs, for the next time
PROXY = "configurable-http-proxy@5.3.0"
PORTS = range(15300, 15400)
PROGRAM = KEPT / "node_modules" / ".bin" / "configurable-http-proxy"
#: Nothing of DockerDriver needs Node, and Debian's npm brings hundreds of packages: the bootstrap does not install it.
needs_proxy = pytest.mark.skipif(
    not (PROGRAM.exists() or shutil.which("npm")), reason="the Hub's proxy is a program of Node's, and npm is not there"
)
TOKEN = "made-up-token-of-a-test"
CONFIG = """
from dockerdriver_client.jupyterhub import handlers
c = get_config()
c.JupyterHub.bind_url = "http://localhost:{proxy}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.auth_token = "{token}"
c.ConfigurableHTTPProxy.should_start = False
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1}}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "scopes": ["admin:users", "admin:servers", "access:servers"], "services": ["test"]}}
]
c.JupyterHub.spawner_class = "dockerdriver_client.jupyterhub.DockerDriverSpawner"
c.JupyterHub.extra_handlers = handlers
c.Spawner.poll_interval = 1
c.DockerDriverSpawner.api_url = "{api}"
c.DockerDriverSpawner.password_file = "{password}"
c.DockerDriverSpawner.door_url = "http://127.0.0.1:{door}"
{more}
"""


class RunningHub:
    """A Hub in a folder; its processes, and its API as an administrator's. Its name is another than the gateway's."""

    def __init__(self, home: Path, api: str, password: Path, more: str = "") -> None:
        self.home = home
        proxy, proxy_api, hub, door = free_ports(4, PORTS)
        self.url, self._proxy_api, self._hub_port = f"http://localhost:{proxy}", proxy_api, hub
        ports = {"proxy": proxy, "proxy_api": proxy_api, "hub": hub, "door": door}
        told = {"token": TOKEN, "api": api, "password": password, "more": more}
        (home / "config.py").write_text(CONFIG.format(**ports, **told))
        self.rest = httpx.Client(
            base_url=f"http://127.0.0.1:{hub}/hub/api",
            headers={"Authorization": f"token {TOKEN}"},
            timeout=60,
            trust_env=False,
        )
        self.hub: subprocess.Popen | None = None
        self.proxy: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the Hub, until it answers."""
        paths = f"{CHECKOUT / 'runtime' / 'client'}:{CHECKOUT}"
        command = [sys.executable, "-m", "jupyterhub", "--config", "config.py"]
        self.hub = self._spawn(command, os.environ | {"PYTHONPATH": paths}, "hub.log")
        until(self._answers, f"the Hub answers: {self.home}/hub.log", 90)

    def kill(self) -> None:
        """Kill the Hub as a machine would."""
        os.killpg(self.hub.pid, signal.SIGKILL)
        self.hub.wait()

    def start_proxy(self) -> None:
        parts = ["--ip=127.0.0.1", f"--port={self.url.rpartition(':')[2]}", "--api-ip=127.0.0.1"]
        parts += [f"--api-port={self._proxy_api}", f"--default-target=http://127.0.0.1:{self._hub_port}"]
        parts += [f"--error-target=http://127.0.0.1:{self._hub_port}/hub/error"]
        environment = os.environ | {"CONFIGPROXY_AUTH_TOKEN": TOKEN}
        self.proxy = self._spawn([str(proxy_program()), *parts], environment, "proxy.log")

    def stop(self) -> None:
        for process in (self.hub, self.proxy):
            if process and process.poll() is None:
                stop(process)

    def state(self, user: str) -> dict:
        """The user's server as the Hub knows it; empty: it has none."""
        return self.rest.get(f"/users/{user}").json()["servers"].get("", {})

    def _spawn(self, command: list[str], environment: dict[str, str], log: str) -> subprocess.Popen:
        with (self.home / log).open("ab") as out:
            return subprocess.Popen(
                command, cwd=self.home, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def _answers(self) -> bool:
        assert self.hub.poll() is None, (self.home / "hub.log").read_text()[-3000:]
        with suppress(httpx.HTTPError):
            return self.rest.get("/").is_success and httpx.get(f"{self.url}/hub/api", trust_env=False).is_success
        return False


def sign_in(page: Page, hub: RunningHub, user: str, to: str = "/hub/spawn") -> None:
    """Sign in to the Hub as a person does, on the way to one of its pages."""
    page.goto(f"{hub.url}/hub/login?next={to}")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", "made-up")
    page.click("#login_submit")


def proxy_program() -> Path:
    """The proxy's program; npm installs it where it is not there yet. The test is skipped where npm has no network."""
    if not PROGRAM.exists():
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(KEPT), PROXY]
        installed = subprocess.run(npm, check=False).returncode == 0
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
        hub.start_proxy()
        hub.start()
        yield hub
    finally:
        hub.stop()
