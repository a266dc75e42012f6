"""What a second API server and a second warm worker add, and what a burst loses when one of each is killed.

One server, one warm worker and one process worker, against two, two and one, on PostgreSQL: empty runs, so many in
flight; when one's code began, the next is asked for. The flow writes a line each time that its code begins: a run that
began twice is counted. Run: `make bench NAME=scaling`; it needs root and, on two busy cores, half an hour; ``--quick``
takes a third of that.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rigs.services.api_servers import ApiServers
from tests.rigs.services.prefect_server import running
from tests.rigs.stacks.burst import Burst, Deployment
from tests.rigs.waiting import until

FLOW = "tests.rigs.stacks.warm_flows.stamp"
RUNS = {1: 20, 20: 100, 100: 200}  # in flight: in all
QUICK_RUNS = {1: 10, 20: 60, 100: 150}
ROUNDS = 2  # of each installation, in turn; a figure is the median of them
BURST, KILLED_AT = 100, 30  # runs that are asked for at once, of which so many have begun when the two are killed
AWAY_SECONDS = 2  # as long as systemd waits before it starts what died
END_SECONDS = 240


def main() -> None:
    """Measure both and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench NAME=scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each installation")
    parser.add_argument("--quick", action="store_true", help="one round of fewer runs")
    arguments = parser.parse_args()
    figures = measure(1, QUICK_RUNS) if arguments.quick else measure(arguments.rounds, RUNS)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(rounds: int, runs: dict[int, int]) -> dict[str, dict[str, float]]:
    """The figures of each installation, and of the kill.

    A run whose end its worker could not tell is begun again: it is counted where its code began twice.
    """
    seen: dict[str, list[dict[str, float]]] = {"one": [], "two": []}
    killed: list[dict[str, float]] = []
    for _ in range(rounds):
        for name, count in (("one", 1), ("two", 2)):
            with installation(count) as (servers, deployment):
                seen[name].append(asyncio.run(in_flight(deployment, runs)))
                if count > 1:
                    killed.append(asyncio.run(through_a_kill(servers, deployment)))
            print(json.dumps({name: seen[name][-1]} | ({"killed": killed[-1]} if count > 1 else {})), flush=True)
    return {name: medians(each) for name, each in (*seen.items(), ("killed", killed))}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure the median; of what was counted the sum."""
    counts = ("accepted", "lost", "asked_again", "code_began_twice")
    return {
        name: sum(each[name] for each in rounds)
        if name.endswith(counts)
        else round(statistics.median(each[name] for each in rounds), 2)
        for name in rounds[0]
    }


@contextmanager
def installation(count: int) -> Iterator[tuple[ApiServers, Deployment]]:
    """So many servers and warm workers, and one process worker, which has nothing to do."""
    with tempfile.TemporaryDirectory(prefix="dd-bench-") as home, running(ApiServers(Path(home), count)) as servers:
        pool, idle = servers.pool("bench"), servers.pool("idle", "process")
        started = [servers.worker(pool, f"warm-{number}") for number in range(1, count + 1)]
        servers.processes |= {f"warm-{number}": worker for number, worker in enumerate(started, 1)}
        servers.processes["long"] = servers.worker(idle, "long", "process")
        until(lambda: len(servers.call("POST", f"/work_pools/{pool}/workers/filter")) == count, "the workers", 120)
        deployment = Deployment(servers, servers.deployment(FLOW, pool), Path(home) / "stamps")
        asyncio.run(Burst(deployment).keep(4 * count, 4 * count))  # each worker's first run also imports
        yield servers, deployment


async def in_flight(deployment: Deployment, sizes: dict[int, int]) -> dict[str, float]:
    """Runs a second, and how long until their code, with so many in flight; *sizes* has how many in all by that."""
    figures: dict[str, float] = {}
    for most, runs in sizes.items():
        burst = Burst(deployment)
        began, before = time.time(), deployment.cpu_seconds()
        await burst.keep(runs, most)
        lost = await burst.all_done(END_SECONDS)
        spent = deployment.cpu_seconds() - before
        delays = sorted(burst.delays())
        measured = {
            f"{most}_runs_per_s": round(runs / (time.time() - began), 2),
            f"{most}_p50_s": round(statistics.median(delays), 2),
            f"{most}_p95_s": round(delays[int(0.95 * len(delays))], 2),
            f"{most}_cpu_s_per_run": round(spent / runs, 3),
            f"{most}_load": round(os.getloadavg()[0], 1),
            f"{most}_lost": lost,
            f"{most}_asked_again": burst.asked_again,
            f"{most}_code_began_twice": burst.begun_twice(),
        }
        print(json.dumps(measured), flush=True)
        figures |= measured
    return figures


async def through_a_kill(servers: ApiServers, deployment: Deployment) -> dict[str, float]:
    """What becomes of a burst when one server and one worker die in it."""
    burst, began = Burst(deployment), time.time()
    asking = asyncio.create_task(burst.keep(BURST, BURST))
    while len(burst.stamped) < KILLED_AT:
        await asyncio.sleep(0.02)
    servers.kill("api-2")
    servers.kill("warm-2")
    await asyncio.sleep(AWAY_SECONDS)
    servers.begin("api-2")
    servers.processes["warm-2"] = servers.worker("bench", "warm-2")
    await asking
    lost = await burst.all_done(END_SECONDS)
    return {
        "accepted": len(burst.asked),
        "lost": lost,
        "code_began_twice": burst.begun_twice(),
        "asked_again": burst.asked_again,
        "seconds": round(time.time() - began, 1),
    }


if __name__ == "__main__":
    main()
