"""The gateway against configurable-http-proxy, and against an nginx of a few lines that publishes one session.

One run, alternating, same backend: ``make bench NAME=gateway JSON=file``. Needs ``npm``; installs Debian's ``wrk``.
Ours runs as shipped, with its log, its checks and sign-in by link (all loads send the cookie), but for the limits: they
would turn away a load from one address. Bare nginx has as many workers and the same keep-alive in both directions. It
tells the session who asks, as the gateway and the peer do, and writes nginx's usual log, as a proxy in service does.
The silent one does neither: what is between the two is the price of that.

A load takes a second, and the next second is another proxy's. A round's figures are compared with each other alone, and
what is said is the median over the rounds: what else a machine does meets all of them and moves no ratio for long.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from websockets.sync.client import connect

from blocks.stored.link_keys import LinkKeys
from pool.records import SESSION_PORTS, Route
from tests.rigs.gateways.backend import websocket_backend
from tests.rigs.gateways.gateway import NO_LIMITS, RunningGateway, only_routes, route_to, running_gateway
from tests.rigs.gateways.talk import Talk
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

PEER = "configurable-http-proxy@5.3.0"
COUNTS = (1, 1000, 10000)
BACKEND = """daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000; server {{ listen 127.0.0.1:{port};
  location / {{ default_type text/plain; return 200 "a small answer of a session\\n"; }} }} }}"""
SILENT = """daemon off; worker_processes 2; pid {directory}/pid; error_log {directory}/log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 10000;
  upstream session {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_timeout 30s; keepalive_requests 10000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://session; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_buffering off; }} }} }}"""
TELLING = """proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port; proxy_pass"""
BARE = SILENT.replace("access_log off", "access_log {directory}/access.log combined buffer=64k flush=1s").replace(
    "proxy_pass", TELLING
)


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests per second, and the 99th percentile in milliseconds."""

    rps: float
    p99: float


def main() -> None:
    """Measure, print, and write the figures when asked to."""
    options = _options()
    _have_wrk()
    with _programs() as (backend, bare, silent, peer), running_gateway(**NO_LIMITS) as ours:
        figures: dict[str, float] = {}
        for count in COUNTS:
            routes = [_route(backend, f"user{n}") for n in range(count)]
            only_routes(ours.client, routes)
            peer.add(routes)
            cookie = _signed_in(ours, routes[-1])
            figures |= _compare(count, _loads(_addresses(ours, bare, silent, peer, routes[-1]), cookie, options))
        figures |= {"route_live_ms_10000": _live_ms(ours, backend), "memory_mb_10000": _memory_mb(ours.all_processes())}
        figures |= {"peer_memory_mb_10000": _memory_mb([peer.pid]), "websocket_frames_lost": _frames_lost(ours)}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--rounds", type=int, default=15, help="of each number of routes")
    parser.add_argument("--seconds", type=int, default=1, help="of each load")
    return parser.parse_args()


def _have_wrk() -> None:
    """Install the load generator from the distribution, unless it is there."""
    if not shutil.which("wrk"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "wrk"]):
            subprocess.run(["apt-get", *words], env=quiet, check=True, stdout=subprocess.DEVNULL)


class Peer:
    """configurable-http-proxy, driven by its own REST API."""

    def __init__(self, process: subprocess.Popen, port: int, api_port: int) -> None:
        self.pid, self.port = process.pid, port
        self._api = httpx.Client(base_url=f"http://127.0.0.1:{api_port}/api/routes", trust_env=False)
        self._known: set[str] = set()

    def add(self, routes: list[Route]) -> None:
        for route in routes:
            if route.id not in self._known:
                target = {"target": f"http://127.0.0.1:{route.port}"}
                self._api.post(f"/notebooks/{route.id}", json=target).raise_for_status()
        self._known |= {route.id for route in routes}


@contextlib.contextmanager
def _programs() -> Iterator[tuple[int, int, int, Peer]]:
    """The ports of the backend, of the bare proxy and of the silent one, and the peer."""
    directory = Path(tempfile.mkdtemp(prefix="gw-bench-"))
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(directory), PEER]
    try:
        subprocess.run(install, check=True)
        with contextlib.ExitStack() as stack:
            backend = free_port(SESSION_PORTS)
            _start(stack, _nginx(directory / "backend", BACKEND, port=backend), backend)
            bare, silent = free_port(range(8300, 8350)), free_port(range(8350, 8400))
            _start(stack, _nginx(directory / "bare", BARE, port=bare, backend=backend), bare)
            _start(stack, _nginx(directory / "silent", SILENT, port=silent, backend=backend), silent)
            port, api_port = free_port(range(8400, 8450)), free_port(range(8450, 8500))
            command = [str(directory / "node_modules/.bin/configurable-http-proxy"), "--log-level=error"]
            where = [f"--port={port}", "--ip=127.0.0.1", f"--api-port={api_port}", "--api-ip=127.0.0.1"]
            yield backend, bare, silent, Peer(_start(stack, [*command, *where], port), port, api_port)
    finally:
        shutil.rmtree(directory)


def _nginx(directory: Path, template: str, **values: int) -> list[str]:
    directory.mkdir()
    (directory / "nginx.conf").write_text(template.format(directory=directory, **values))
    return ["nginx", "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e", str(directory / "log")]


def _start(stack: contextlib.ExitStack, command: list[str], port: int) -> subprocess.Popen:
    process = subprocess.Popen(command, env={**os.environ, "NODE_ENV": "production"})
    stack.callback(process.wait)
    stack.callback(process.terminate)
    until(lambda: _answers(port), f"{command[0]} answers")
    return process


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    except httpx.TransportError:
        return False
    return True


def _addresses(ours: RunningGateway, bare: int, silent: int, peer: Peer, route: Route) -> dict[str, str]:
    path = f"/notebooks/{route.id}/"
    return {
        "ours": ours.url + path,
        "bare": f"http://127.0.0.1:{bare}{path}",
        "silent": f"http://127.0.0.1:{silent}{path}",
        "chp": f"http://127.0.0.1:{peer.port}{path}",
    }


def _route(backend: int, name: str) -> Route:
    return route_to(backend, name, token_header="token " + "x" * 48, sign_in="link")


def _signed_in(ours: RunningGateway, route: Route) -> str:
    """The header that a browser sends after it came by a link."""
    keys = LinkKeys.create()
    ours.client.put_keys(keys.for_gateway())
    link = keys.launch_link(ours.url, route.id, keys.expiry(datetime.now(UTC)))
    return "Cookie: " + httpx.post(link, trust_env=False).headers["Set-Cookie"].partition(";")[0]


def _loads(addresses: dict[str, str], cookie: str, options: argparse.Namespace) -> list[dict[str, Load]]:
    """Rounds of one load each, in another order each time; the first round only warms up."""
    for name, address in addresses.items():
        answer = httpx.get(address, headers=dict([cookie.split(": ", 1)]), trust_env=False)
        assert answer.text == "a small answer of a session\n", f"{name} answers {answer.status_code}"
    rounds = []
    for number in range(options.rounds + 1):
        order = list(addresses) if number % 2 else list(reversed(addresses))
        rounds.append({name: _load(addresses[name], cookie, options.seconds) for name in order})
    return rounds[1:]


def _load(address: str, cookie: str, seconds: int) -> Load:
    command = ["wrk", "--threads=1", "--connections=32", f"--duration={seconds}s", "--latency", "-H", cookie, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    (value, unit), (rps,) = _found(r"99%\s+([\d.]+)(us|ms|s)", said), _found(r"Requests/sec:\s+([\d.]+)", said)
    return Load(float(rps), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def _found(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of a pattern in what a program said; the program always says it."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, text
    return found.groups()


def _compare(count: int, rounds: list[dict[str, Load]]) -> dict[str, float]:
    for name in rounds[0]:
        rps, p99 = (statistics.median(getattr(seen[name], what) for seen in rounds) for what in ("rps", "p99"))
        print(f"{count} routes: {name} {rps:.0f}/s, p99 {p99:.2f} ms", flush=True)
    return {
        f"rps_vs_chp_{count}": statistics.median(seen["ours"].rps / seen["chp"].rps for seen in rounds),
        f"p99_vs_chp_{count}": statistics.median(seen["ours"].p99 / seen["chp"].p99 for seen in rounds),
        "rps_vs_bare": statistics.median(seen["ours"].rps / seen["bare"].rps for seen in rounds),
        "rps_vs_silent": statistics.median(seen["ours"].rps / seen["silent"].rps for seen in rounds),
    }


def _live_ms(ours: RunningGateway, backend: int) -> float:
    """From asking for a route to the first answer of its session, on connections that are already open."""
    transport = httpx.HTTPTransport(uds=str(ours.config.admin_socket))
    with httpx.Client(transport=transport) as admin, httpx.Client(trust_env=False) as browser:
        return statistics.median(_live_once(ours, admin, browser, route_to(backend, f"new{n}")) for n in range(50))


def _live_once(ours: RunningGateway, admin: httpx.Client, browser: httpx.Client, route: Route) -> float:
    record = vars(route)
    before = time.perf_counter()
    admin.put(f"http://gateway/routes/{route.id}", json=record).raise_for_status()
    browser.get(f"{ours.url}/notebooks/{route.id}/").raise_for_status()
    return (time.perf_counter() - before) * 1000


def _memory_mb(pids: list[int]) -> float:
    """Proportional set size: memory that processes share is counted once."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(_found(r"^Pss:\s+(\d+)", text)[0]) for text in rollups) / 1024


def _frames_lost(ours: RunningGateway) -> int:
    """Over a websocket that talks without a pause through a thousand changes of routes, and a reload."""
    with websocket_backend() as session:
        route = route_to(session.port, "talker")
        only_routes(ours.client, [route])
        address = f"ws://127.0.0.1:{ours.config.port}/notebooks/{route.id}/"
        with connect(address, proxy=None) as websocket, Talk(websocket) as talk:
            for n in range(500):
                ours.client.add_route(route_to(20000 + n, f"user{n}"))
                ours.client.remove_route(route_to(20000 + n, f"user{n}").id)
            ours.reload()
        return talk.lost


if __name__ == "__main__":
    main()
