"""How many flow runs a second a warm worker carries, against Prefect's process worker; what memory 2,000 leave it with.

One server on PostgreSQL, one worker at a time, in turns: empty runs, twenty in flight; when the code of one began, the
next is asked for. The process worker has its best settings: a poll every 2 s, and the command said. Then the warm
worker carries 2,000 runs, and its memory is read meanwhile. Run: `make bench NAME=flow_runs`; it needs root and, on two
busy cores, a quarter of an hour; ``--quick`` takes a tenth of that.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from tests.rigs.curves import picture
from tests.rigs.services.api_servers import ApiServers
from tests.rigs.services.prefect_server import ROOT, running, stop
from tests.rigs.stacks.burst import Burst, Deployment
from tests.rigs.waiting import until

FLOW = "tests.rigs.stacks.warm_flows.stamp"
PICTURE = ROOT / "docs" / "pictures" / "flow-runs.svg"
WARM, PROCESS = "dockerdriver-warm", "process"
BEST = {"command": f"{sys.executable} -m prefect.engine", "working_dir": str(ROOT)}
POLLS = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}  # a warm worker has its own
IN_FLIGHT = 20
LOOK_SECONDS = 2.0
END_SECONDS = 600
MB = 1e6


@dataclass(frozen=True)
class Sizes:
    """How much is measured: rounds, runs of each in one, and runs of the soak."""

    rounds: int = 2
    runs: int = 100
    process_runs: int = 40
    soak: int = 2000


QUICK = Sizes(rounds=1, runs=40, process_runs=10, soak=200)


@dataclass
class Soak:
    """The soak as it was seen: at each look the minute, and the worker's memory in MB, or the runs that have begun."""

    began: float = field(default_factory=time.monotonic)
    memory: list[tuple[float, float]] = field(default_factory=list)
    begun: list[tuple[float, float]] = field(default_factory=list)

    async def follow(self, worker: Popen, burst: Burst) -> None:
        """Look again and again, until this is cancelled."""
        while True:
            minute = (time.monotonic() - self.began) / 60
            self.memory.append((minute, memory_mb(worker.pid)))
            self.begun.append((minute, float(len(burst.stamped))))
            await asyncio.sleep(LOOK_SECONDS)


def main() -> None:
    """Measure, print the figures, draw the soak."""
    parser = argparse.ArgumentParser(prog="make bench NAME=flow_runs", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--picture", type=Path, help="SVG file of the soak; that of the docs, unless --quick")
    parser.add_argument("--quick", action="store_true", help="few runs, to try it")
    arguments = parser.parse_args()
    figures, soak = measure(QUICK if arguments.quick else Sizes())
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    if drawn := arguments.picture or (None if arguments.quick else PICTURE):
        drawn.write_text(drawing(soak))


def measure(sizes: Sizes) -> tuple[dict[str, float], Soak]:
    """Both workers in turns, then the soak, on one server."""
    rates: dict[str, list[float]] = {WARM: [], PROCESS: []}
    with tempfile.TemporaryDirectory(prefix="dd-bench-") as home, running(ApiServers(Path(home), 1)) as servers:
        servers.env |= POLLS
        for _ in range(sizes.rounds):
            for kind, runs in ((WARM, sizes.runs), (PROCESS, sizes.process_runs)):
                with working(servers, kind) as (deployment, _):
                    rates[kind].append(asyncio.run(rate(deployment, runs)))
                print(json.dumps({kind: rates[kind][-1], "load": os.getloadavg()}), flush=True)
        with working(servers, WARM) as (deployment, worker):
            soak, figures = asyncio.run(soaked(deployment, worker, sizes.soak))
    warm, process = (statistics.median(rates[kind]) for kind in (WARM, PROCESS))
    compared = {"warm_runs_per_s": warm, "process_runs_per_s": process, "warm_over_process": warm / process}
    return {name: round(value, 2) for name, value in (compared | figures).items()}, soak


@contextmanager
def working(servers: ApiServers, kind: str) -> Iterator[tuple[Deployment, Popen]]:
    """One worker of this kind, which has carried some runs already, and no other."""
    name = f"bench-{kind}-{time.monotonic_ns()}"
    pool = servers.pool(name, kind)
    stamps = servers.home / f"{name}.stamps"
    deployment = servers.deployment(FLOW, pool, job_variables=BEST if kind == PROCESS else {})
    worker = servers.processes[name] = servers.worker(pool, name, kind)
    try:
        until(lambda: servers.call("POST", f"/work_pools/{pool}/workers/filter"), f"the {kind} worker", 120)
        asyncio.run(rate(Deployment(servers, deployment, stamps), 4))  # the first run also imports
        yield Deployment(servers, deployment, stamps), worker
    finally:
        stop(servers.processes.pop(name))


async def rate(deployment: Deployment, runs: int) -> float:
    """Runs a second, from the first request to the end of the last run."""
    burst, began = Burst(deployment), time.monotonic()
    await burst.keep(runs, IN_FLIGHT)
    lost = await burst.all_done(END_SECONDS)
    assert not lost, f"{lost} of {runs} runs did not end in {END_SECONDS} s"
    return round(runs / (time.monotonic() - began), 3)


async def soaked(deployment: Deployment, worker: Popen, runs: int) -> tuple[Soak, dict[str, float]]:
    """Have the worker carry so many runs; how its memory grew, and what became of the runs."""
    burst, soak = Burst(deployment), Soak()
    looking = asyncio.create_task(soak.follow(worker, burst))
    await burst.keep(runs, IN_FLIGHT)
    lost = await burst.all_done(END_SECONDS)
    looking.cancel()
    memory = [value for _, value in soak.memory]
    return soak, {
        "soak_runs": runs,
        "soak_runs_per_s": runs / (time.monotonic() - soak.began),
        "soak_first_mb": memory[0],
        "soak_most_mb": max(memory),
        "soak_last_mb": memory[-1],
        "soak_lost": lost,
        "soak_code_began_twice": burst.begun_twice(),
        "soak_asked_again": burst.asked_again,
        "load": os.getloadavg()[0],
    }


def memory_mb(pid: int) -> float:
    """Memory of a process that is not swapped out, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MB, 1)


def drawing(soak: Soak) -> str:
    """The curves as SVG."""
    curves = {"resident memory of the warm worker, MB": soak.memory, "runs whose code has begun": soak.begun}
    return picture("A warm worker carries empty runs, twenty in flight", curves)


if __name__ == "__main__":
    main()
