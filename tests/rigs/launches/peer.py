"""The peer: JupyterHub with DockerSpawner and configurable-http-proxy, on the same engine, with the same image."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from pool.records import BlueprintSpec
from tests.rigs.hub.hub_process import PROXY, HubProcess, npm_install, program_in
from tests.rigs.launches.engine_access import EngineAccess
from tests.rigs.launches.launcher import PATIENCE, Launcher, LaunchFailedError
from tests.rigs.waiting import until

WANTED = Path(__file__).with_name("peer.txt")
END_SECONDS = 300
#: As they come, but for patience: 30 s, its usual time for a first answer, would cut a burst short here. The image has
#: no JupyterHub in it, so the Hub starts what we start, below the path that it gives.
CONFIG = """
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.JupyterHub.concurrent_spawn_limit = 100
c.Spawner.http_timeout = {patience}
c.Spawner.start_timeout = {patience}
c.DockerSpawner.image = "{image}"
c.DockerSpawner.pull_policy = "never"
c.DockerSpawner.remove = True
c.DockerSpawner.cmd = ["jupyter-lab"]
c.DockerSpawner.host_ip = "{address}"
c.DockerSpawner.port = {port}
c.DockerSpawner.mem_limit = "{memory}M"
c.DockerSpawner.environment = {{"DD_BASE_URL": lambda spawner: spawner.server.base_url, "JUPYTER_TOKEN": "made-up"}}
"""


class PeerMissingError(Exception):
    """The peer cannot be had; the message is one sentence for the report."""


class Peer(Launcher):
    """Servers of a Hub that runs. A launch is a request for one on its API, until that answers through its proxy."""

    kind = "hub"

    def __init__(self, hub: HubProcess, over: threading.Event) -> None:
        super().__init__(over)
        self._hub = hub

    def prepare(self, names: Sequence[str]) -> None:
        self._hub.rest.post("/users", json={"usernames": list(names)}).raise_for_status()

    def launch(self, name: str) -> None:
        began = time.monotonic()
        asked = self._hub.rest.post(f"/users/{name}/server", timeout=PATIENCE)
        asked.raise_for_status()
        if asked.status_code == httpx.codes.ACCEPTED:  # it takes longer than the Hub keeps the request open
            self._follow(name)
        self.first_ok(f"http://127.0.0.1:{self._hub.url.rpartition(':')[2]}/user/{name}/api", began)

    def end(self, names: Sequence[str]) -> None:
        for name in names:
            self._hub.rest.delete(f"/users/{name}/server")
        until(
            lambda: not any(self._hub.state(name) for name in names),
            "the Hub's servers end",
            END_SECONDS,
            lambda: time.sleep(0.5),
        )
        for name in names:
            self._hub.rest.delete(f"/users/{name}")

    def _follow(self, name: str) -> None:
        """Read the Hub's own stream of progress until the server is ready: no question is asked meanwhile."""
        with self._hub.rest.stream("GET", f"/users/{name}/server/progress", timeout=PATIENCE) as stream:
            for line in stream.iter_lines():
                said = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if said.get("ready"):
                    return
                if said.get("failed") or self._over.is_set():
                    break
        raise LaunchFailedError(f"the Hub could not start the server of {name}")


def install_peer(folder: Path) -> tuple[Path, Path]:
    """Have pip and npm install it into a folder, unless they have; its Python, and the proxy's program.

    Raises:
        PeerMissingError: a registry lacks something, or does not answer.
    """
    python, program = folder / "python" / "bin" / "python", program_in(folder)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "python"], check=True)
    wheels = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(WANTED)]
    if subprocess.run(wheels, check=False).returncode:
        raise PeerMissingError(
            "JupyterHub and DockerSpawner could not be installed by pip: there are no figures of them"
        )
    if not program.exists() and not _npm(folder):
        raise PeerMissingError(f"{PROXY} could not be installed by npm: there are no figures of JupyterHub")
    return python, program


def _npm(folder: Path) -> bool:
    try:
        return npm_install(folder)
    except OSError:  # there is no npm
        return False


@contextmanager
def running_peer(
    home: Path, python: Path, program: Path, engine: EngineAccess, blueprint: BlueprintSpec, over: threading.Event
) -> Iterator[Peer]:
    """Run a Hub and its proxy for this engine, in a folder."""
    told = {"image": engine.image, "address": engine.address, "patience": round(PATIENCE)}
    more = CONFIG.format(**told, port=blueprint.port, memory=blueprint.memory_mb)
    own = {name: value for name, value in engine.environment.items() if not name.startswith("PYTHON")}
    hub = HubProcess(home, more, python, own | {"PATH": f"{python.parent}:{own['PATH']}", "PYTHONNOUSERSITE": "1"})
    try:
        hub.start_proxy(program)
        hub.start()
        yield Peer(hub, over)
    finally:
        hub.stop()


def versions_of(python: Path) -> list[str]:
    """List all that pip installed, as name==version, and the proxy."""
    frozen = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    return [*frozen.split(), PROXY.replace("@", "==")]
