"""A real nginx of the test's own, on a free port, with its data in a directory that goes with it."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blocks.gateway.client import Gateway
from blocks.gateway.config import forget_stale_socket, hang_up, prepare_gateway, reload_gateway
from blocks.gateway.settings import GatewayConfig, GatewaySettings
from pool.records import Route
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

PATIENCE = 10
#: For loads and clients that come from one address alone.
NO_LIMITS: dict[str, Any] = dict.fromkeys(
    ("address_requests", "address_connections", "session_requests", "session_connections"), 0
)
GATEWAY_PORTS = range(8100, 8200)
#: For a fixture that gives a gateway: its session domain, in the two forms that a session's address may have.
BOTH_FORMS: dict[str, Any] = {"params": ["", "localhost"], "ids": ["one origin", "an origin each"]}
#: For tests that cost seconds of a core, and say the same of both: the other one by night.
ONE_FORM = pytest.mark.parametrize(
    "gateway",
    [pytest.param("", marks=pytest.mark.nightly, id="one origin"), pytest.param("localhost", id="an origin each")],
    indirect=True,
)


def route_hash(route_id: str) -> str:
    """What logs and messages call a route, 12 hex digits: the id itself is a secret."""
    return hashlib.sha256(route_id.encode()).hexdigest()[:12]


def only_routes(client: Gateway, routes: Iterable[Route]) -> None:
    """Have the gateway know these routes and no others."""
    client.change_routes(list(routes), {route.id for route in client.list_routes()})


@dataclass
class RunningGateway:
    """nginx, its configuration and the manager's client of it."""

    config: GatewayConfig
    client: Gateway
    _process: subprocess.Popen | None = None

    @property
    def process(self) -> subprocess.Popen:
        """Its master."""
        assert self._process, "the gateway was not started"
        return self._process

    @property
    def url(self) -> str:
        return self.config.public_url or f"http://127.0.0.1:{self.config.port}"

    def origin(self, route_id: str) -> str:
        """What a browser reaches this session under."""
        scheme, domain = self.url.partition("://")[0], self.config.session_domain
        return f"{scheme}://{route_id}.{domain}:{self.config.port}" if domain else self.url

    def address(self, route_id: str, scheme: str = "http") -> str:
        """A session's whole address; *scheme* "ws" for a websocket's."""
        return f"{self.origin(route_id).replace('http', scheme, 1)}/notebooks/{route_id}/"

    def host(self, route_id: str) -> str:
        """What a browser says in ``Host``."""
        return self.origin(route_id).partition("://")[2]

    def start(self) -> None:
        command = prepare_gateway(self.config)
        forget_stale_socket(self.config)
        self._process = subprocess.Popen(command)
        until(self.client.alive, "the gateway answers")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """The power cut: nothing is tidied up. A worker that outlived its master would keep the port."""
        workers = self.workers()
        self.process.kill()
        self.process.wait(PATIENCE)
        end(workers)

    def kill_workers(self) -> None:
        """The master starts new ones."""
        end(self.workers())
        until(self.client.alive, "the gateway answers again")

    def reload(self) -> None:
        """Come back when new workers answer; the old ones stay for as long as they hold websockets."""
        before = self.workers()
        reload_gateway(self.config)
        self._wait_for_others(before)

    def change_configuration(self, old: str, new: str) -> None:
        """Have new workers run with another text in nginx.conf, for what no setting says."""
        before, text = self.workers(), self.config.file.read_text()
        assert old in text, f"nginx.conf has no {old}"
        self.config.file.write_text(text.replace(old, new))
        hang_up(self.config)
        self._wait_for_others(before)

    def _wait_for_others(self, before: set[int]) -> None:
        until(lambda: self.workers() - before, "new workers run")
        time.sleep(0.3)  # the old ones stop accepting

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def all_processes(self) -> list[int]:
        return [self.process.pid, *self.workers()]

    def cpu_seconds(self) -> float:
        """What the workers have used of the processors so far."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split() for pid in self.workers()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")

    def log(self, name: str) -> str:
        return (self.config.logs / name).read_text()

    def logs_after(self, route_id: str, lines: int) -> str:
        """All that was logged, once the access log has this many lines of the route: nginx writes them with a delay."""
        until(lambda: self.log("gateway-access.log").count(route_hash(route_id)) >= lines, f"{lines} lines are logged")
        return self.log("gateway-access.log") + self.log("gateway-error.log")


def end(workers: set[int]) -> None:
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers are gone")


@contextlib.contextmanager
def running_gateway(
    port: int | None = None, public_url: str = "", session_domain: str = "", **settings: Any
) -> Iterator[RunningGateway]:
    """A gateway that may lead to loopback, where the tests' sessions are."""
    directory = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    directory.chmod(0o711)  # nginx's workers come to the sockets of downloads, as they do below /run
    config = GatewayConfig(
        directory / "nginx",
        directory / "run" / "admin.sock",
        directory / "data" / "routes.json",
        directory / "logs",
        directory / "downloads",
        GatewaySettings(**{"networks": ("127.0.0.0/8",), **settings}),
        port=port or free_port(GATEWAY_PORTS),
        public_url=public_url,
        session_domain=session_domain,
        refused=("127.0.0.9",),
    )
    gateway = RunningGateway(config, Gateway(config.admin_socket, config.snapshot))
    try:
        gateway.start()
        yield gateway
    finally:
        if gateway._process:  # else its configuration was refused, which is what is to be read
            gateway.stop()
        shutil.rmtree(directory)


@contextlib.contextmanager
def names_below_localhost() -> Iterator[None]:
    """Names below "localhost" lead to loopback, as in browsers; the C library asks a name server for them."""
    ask = socket.getaddrinfo

    def asked(host: str | None, *args: Any, **kwargs: Any) -> list:
        below = isinstance(host, str) and host.endswith(".localhost")
        return ask("127.0.0.1" if below else host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", asked)
        yield


def route_to(port: int, name: str = "alice", **options: Any) -> Route:
    """A route whose id is long enough, to a session of the test, which wants no sign-in unless *options* say so."""
    return Route(f"{name}-0123456789abcdef", "127.0.0.1", port, **{"sign_in": "open", **options})
