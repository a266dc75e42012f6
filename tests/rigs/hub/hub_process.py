"""A JupyterHub with configurable-http-proxy. The proxy is a process of its own: a Hub may die while its users go on."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from tests.rigs.ports import free_ports
from tests.rigs.services.prefect_server import stop
from tests.rigs.waiting import until

KEPT = Path("/var/tmp/dockerdriver-tests/jupyterhub")  # what npm installs, for the next time
PROXY = "configurable-http-proxy@5.3.0"
PORTS = range(15300, 15400)
TOKEN = "made-up-token-of-a-test"
CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://localhost:{proxy}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.auth_token = "{token}"
c.ConfigurableHTTPProxy.should_start = False
c.JupyterHub.cleanup_servers = False
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "scopes": ["admin:users", "admin:servers", "access:servers"], "services": ["test"]}}
]
"""


class HubProcess:
    """A Hub in a folder; its processes, and its API as an administrator's.

    Args:
        home: an empty folder.
        more: lines of its configuration.
        python: of the environment that JupyterHub is installed in.
        environment: of its process.
    """

    def __init__(
        self, home: Path, more: str, python: Path = Path(sys.executable), environment: Mapping[str, str] = os.environ
    ) -> None:
        self.home, self._python, self._environment = home, python, environment
        proxy, self._proxy_api, self._hub_port = free_ports(3, PORTS)
        self.url = f"http://localhost:{proxy}"
        ports = {"proxy": proxy, "proxy_api": self._proxy_api, "hub": self._hub_port}
        (home / "config.py").write_text(CONFIG.format(**ports, token=TOKEN) + more)
        self.rest = httpx.Client(
            base_url=f"http://127.0.0.1:{self._hub_port}/hub/api",
            headers={"Authorization": f"token {TOKEN}"},
            timeout=60,
            trust_env=False,
        )
        self.hub: subprocess.Popen | None = None
        self.proxy: subprocess.Popen | None = None

    def start(self) -> None:
        """Start the Hub, until it answers."""
        command = [str(self._python), "-m", "jupyterhub", "--config", "config.py"]
        self.hub = self._spawn(command, self._environment, "hub.log")
        until(self._answers, f"the Hub answers: {self.home}/hub.log", 90)

    def kill(self) -> None:
        """Kill the Hub as a machine would."""
        assert self.hub, "the Hub was not started"
        os.killpg(self.hub.pid, signal.SIGKILL)
        self.hub.wait()

    def start_proxy(self, program: Path) -> None:
        parts = ["--ip=127.0.0.1", f"--port={self.url.rpartition(':')[2]}", "--api-ip=127.0.0.1"]
        parts += [f"--api-port={self._proxy_api}", f"--default-target=http://127.0.0.1:{self._hub_port}"]
        parts += [f"--error-target=http://127.0.0.1:{self._hub_port}/hub/error"]
        environment = os.environ | {"CONFIGPROXY_AUTH_TOKEN": TOKEN}
        self.proxy = self._spawn([str(program), *parts], environment, "proxy.log")

    def stop(self) -> None:
        for process in (self.hub, self.proxy):
            if process and process.poll() is None:
                stop(process)

    def state(self, user: str) -> dict:
        """The user's server as the Hub knows it; empty: it has none."""
        return self.rest.get(f"/users/{user}").json()["servers"].get("", {})

    def _spawn(self, command: list[str], environment: Mapping[str, str], log: str) -> subprocess.Popen:
        with (self.home / log).open("ab") as out:
            return subprocess.Popen(
                command, cwd=self.home, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def _answers(self) -> bool:
        assert self.hub, "the Hub was not started"
        assert self.hub.poll() is None, (self.home / "hub.log").read_text()[-3000:]
        with suppress(httpx.HTTPError):
            return self.rest.get("/").is_success and httpx.get(f"{self.url}/hub/api", trust_env=False).is_success
        return False


def program_in(folder: Path) -> Path:
    """Where npm puts the proxy's program when it installs it into this folder."""
    return folder / "node_modules" / ".bin" / "configurable-http-proxy"


def npm_install(folder: Path) -> bool:
    """Have npm install the proxy into a folder; whether it could."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PROXY]
    return subprocess.run(npm, check=False).returncode == 0
