"""The floor: no manager at all. Docker's own command runs a container like ours, until it answers."""

import threading
import time
from collections.abc import Iterator, Sequence

from pool.records import BlueprintSpec
from pool.sessions.containers import container_user
from tests.rigs.launches.engine_access import EngineAccess
from tests.rigs.launches.launcher import Launcher

PORTS = range(22000, 24000)  # of the host, none of which our sessions have
PREFIX = "floor"


class Floor(Launcher):
    """``docker run -d``, with what a session is given: command, environment, memory, user, limits."""

    kind = "floor"

    def __init__(self, engine: EngineAccess, blueprint: BlueprintSpec, over: threading.Event) -> None:
        super().__init__(over)
        self._engine, self._blueprint = engine, blueprint
        self._ports: Iterator[int] = iter(PORTS)
        self._counting = threading.Lock()

    def launch(self, name: str) -> None:
        began = time.monotonic()
        with self._counting:
            port = next(self._ports)
        base = f"/{PREFIX}/{name}/"
        words = ["--name", f"{PREFIX}-{name}", "--user", container_user(name, self._blueprint.container_user)]
        self._engine.docker("run", "-d", *words, *self._options(port, base), self._engine.image)
        self.first_ok(f"http://{self._engine.address}:{port}{base}api", began)

    def end(self, names: Sequence[str]) -> None:
        listed = self._engine.docker("ps", "-aq", "--filter", f"name=^{PREFIX}-").split()
        if listed:
            self._engine.docker("rm", "-f", "-v", *listed)

    def _options(self, port: int, base: str) -> list[str]:
        blueprint, published = self._blueprint, f"{self._engine.address}:{port}:{self._blueprint.port}"
        told = {"DD_BASE_URL": base, "JUPYTER_TOKEN": "made-up", "MEM_LIMIT": str(blueprint.memory_mb * 1024 * 1024)}
        memory = f"{blueprint.memory_mb}m"
        limits = ["--memory", memory, "--memory-swap", memory, "--pids-limit", str(blueprint.pids_limit), "--init"]
        limits += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "-p", published]
        return limits + [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
