"""Many runs of one deployment, asked for as a platform does, and when the code of each began."""

import asyncio
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from runtime.databases.own_database import cluster, processes_in
from tests.rigs.services.api_servers import ApiServers

BUSY = 500  # from which on it is the server that could not: 503, and 500 where none of its connections became free
TICKS = os.sysconf("SC_CLK_TCK")
LOOK_SECONDS = 0.005
LONGEST_SECONDS = 400  # that a run is waited for; one that has not begun then may be lost


@dataclass
class Deployment:
    """A deployment of the flow ``stamp`` on servers that are up."""

    servers: ApiServers
    id: str
    stamps: Path  # the flow writes a line for each run: its id, and when its code began

    def cpu_seconds(self) -> float:
        """CPU seconds that all processes of the installation have spent until now."""
        groups = {process.pid for process in self.servers.processes.values()}
        processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        ours = {pid for pid in processes if _group(pid) in groups}
        return sum(map(_spent, ours.union(processes_in(cluster(self.servers.settings)))))


@dataclass
class Burst:
    """Runs that are asked for; those that the API accepted are in ``asked``."""

    deployment: Deployment
    asked: dict[str, float] = field(default_factory=dict)  # by run: when the platform asked for it
    stamped: dict[str, float] = field(default_factory=dict)  # by run: when its code began first
    asked_again: int = 0
    _times: Counter[str] = field(default_factory=Counter)
    _read: int = 0

    async def keep(self, runs: int, most: int) -> None:
        """Ask for so many runs, and have at most so many in flight: accepted, and their code not begun."""
        self._read = self.deployment.stamps.stat().st_size if self.deployment.stamps.exists() else 0
        places = asyncio.Semaphore(most)
        servers = self.deployment.servers
        login = httpx.BasicAuth(*servers.password.split(":"))
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=0)  # as requests of many users come
        async with httpx.AsyncClient(
            base_url=servers.url, auth=login, timeout=60, trust_env=False, limits=limits
        ) as client:
            reading = asyncio.create_task(self._follow())
            try:
                await asyncio.gather(*(self._one(client, places) for _ in range(runs)))
            finally:
                reading.cancel()

    async def _one(self, client: httpx.AsyncClient, places: asyncio.Semaphore) -> None:
        async with places:
            asked = time.time()
            self.asked[run := await self._ask(client)] = asked
            while run not in self.stamped and time.time() < asked + LONGEST_SECONDS:
                await asyncio.sleep(LOOK_SECONDS * 2)

    async def _ask(self, client: httpx.AsyncClient) -> str:
        """Ask until it is accepted, with the key by which it is done once."""
        body = {"parameters": {"file": str(self.deployment.stamps)}, "idempotency_key": uuid4().hex}
        while True:
            with suppress(httpx.TransportError):
                answer = await client.post(f"/deployments/{self.deployment.id}/create_flow_run", json=body)
                if answer.status_code < BUSY:
                    return str(answer.raise_for_status().json()["id"])
            self.asked_again += 1
            await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        if not self.deployment.stamps.exists():
            return
        with self.deployment.stamps.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        complete = lines[: lines.rfind(b"\n") + 1]
        self._read += len(complete)
        for run, began in map(str.split, complete.decode().splitlines()):
            self._times[run] += 1
            self.stamped.setdefault(run, float(began))

    async def all_done(self, seconds: float) -> int:
        """Wait until all that were accepted are completed; how many are not in that time."""
        deadline, left = time.monotonic() + seconds, len(self.asked)
        while left and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            left = len(self.asked) - await asyncio.to_thread(self._completed)
        self._look()
        return left

    def _completed(self) -> int:
        return sum(map(self._completed_of, _hundreds(list(self.asked))))

    def _completed_of(self, runs: list[str]) -> int:
        ask = {"id": {"any_": runs}, "state": {"type": {"any_": ["COMPLETED"]}}}
        return int(self.deployment.servers.call("POST", "/flow_runs/count", flow_runs=ask))

    def delays(self) -> list[float]:
        """Seconds from each request to the first line of its code, of the runs whose code began."""
        return [self.stamped[run] - asked for run, asked in self.asked.items() if run in self.stamped]

    def begun_twice(self) -> int:
        """How many had their code begun more than once."""
        return sum(self._times[run] > 1 for run in self.asked)


def _hundreds(runs: list[str]) -> list[list[str]]:
    return [runs[first : first + 100] for first in range(0, len(runs), 100)]


def _group(pid: int) -> int:
    with suppress(OSError):
        return os.getpgid(pid)
    return 0


def _spent(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0
