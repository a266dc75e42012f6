"""How long from asking for a run until its code runs: a warm worker against Prefect's own process worker.

The process worker is given its best settings (a poll every 2 s, the command said). Run: `make bench NAME=trigger`.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.rigs.services.prefect_server import ROOT, PrefectServer, running, stop
from tests.rigs.waiting import until

FLOW = "tests.rigs.stacks.warm_flows.stamp"
ONE_AT_A_TIME = 10
AT_ONCE = 20
BEST = {"command": f"{sys.executable} -m prefect.engine", "working_dir": str(ROOT)}


def main() -> None:
    """Measure both and print the figures, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--runs", type=int, default=ONE_AT_A_TIME, help="runs asked for one after the other")
    arguments = parser.parse_args()
    figures = measure(arguments.runs)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(runs: int) -> dict:
    """Figures of both workers on one server, one worker at a time."""
    with tempfile.TemporaryDirectory(prefix="dd-bench-") as home:
        server = PrefectServer(Path(home))
        server.env |= {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_WORKER_PREFETCH_SECONDS": "0"}
        with running(server):
            warm = measure_worker(server, "dockerdriver-warm", runs)
            process = measure_worker(server, "process", runs)
    ratio = {key: round(process[key] / warm[key], 1) for key in ("median", "last_of_burst")}
    return {"warm": warm, "process": process, "process_over_warm": ratio}


def measure_worker(server: PrefectServer, kind: str, runs: int) -> dict:
    """One worker of this kind: latencies one at a time, then a burst."""
    pool = server.pool(f"bench-{kind}", kind)
    deployment = server.deployment(FLOW, pool, job_variables=BEST if kind == "process" else {})
    worker = server.worker(pool, f"bench-{kind}", kind)
    try:
        until(lambda: server.call("POST", f"/work_pools/{pool}/workers/filter"), f"the {kind} worker", 60)
        latency(server, deployment)  # the first run also imports
        single = [latency(server, deployment) for _ in range(runs)]
        return {"median": statistics.median(single), "worst": max(single), "last_of_burst": burst(server, deployment)}
    finally:
        stop(worker)


def latency(server: PrefectServer, deployment: str) -> float:
    """Seconds from the request to the first line of the flow's code."""
    with tempfile.NamedTemporaryFile() as stamps:
        asked = time.time()
        server.wait(server.trigger(deployment, file=stamps.name), "COMPLETED", seconds=120)
        return round(float(stamps.read().split()[1]) - asked, 3)


def burst(server: PrefectServer, deployment: str) -> float:
    """Seconds from the first of many requests at once until the last one's code runs."""
    with tempfile.NamedTemporaryFile() as stamps:
        asked = time.time()
        runs = [server.trigger(deployment, file=stamps.name) for _ in range(AT_ONCE)]
        for run in runs:
            server.wait(run, "COMPLETED", seconds=300)
        return round(max(float(line.split()[1]) for line in stamps.read().splitlines()) - asked, 3)


if __name__ == "__main__":
    main()
