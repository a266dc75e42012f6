"""How long a session takes to be there: from a standby against cold, one after the other on one stack, in turns.

A stack of its own is brought up, with one host. A cold request is one with an environment of its own. Measured is from
the request on Prefect's API to the session's first answer through the gateway. Run: `make bench NAME=standby`.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import httpx

from pool.standbys.standby import StandbyState
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until
from tests.system.conftest import fresh_installation

PAIRS = 6


def main() -> None:
    """Measure, and print the figures, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="sessions of each kind")
    arguments = parser.parse_args()
    stack = fresh_installation()
    try:
        up = stack.command("up")
        assert up.returncode == 0, up.stdout
        figures = measure(stack, arguments.pairs)
    finally:
        stack.command("down")
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(stack: Stack, pairs: int) -> dict:
    """Figures of both kinds; one of each first, which are not counted."""
    stack.save_blueprint("warm", standby=1, sign_in="open")
    taken: dict[str, list[float]] = {"cold": [], "standby": []}
    for number in range(pairs + 1):
        for kind, options in {"cold": {"environment": {"COURSE": "bio"}}, "standby": {}}.items():
            until(lambda: stack.records.standbys.all("main", [StandbyState.READY]), "a standby", 180)
            taken[kind].append(seconds(stack, f"{kind}-{number}", options))
    assert all(stack.records.instances.get(f"standby-{number}").standby for number in range(pairs + 1))
    medians = {f"{kind}_p50_s": round(statistics.median(all_[1:]), 3) for kind, all_ in taken.items()}
    slowest = {f"{kind}_worst_s": max(all_[1:]) for kind, all_ in taken.items()}
    return medians | slowest | {"samples": taken, "load": os.getloadavg(), "cores": os.cpu_count()}


def shortly() -> None:
    """Wait between two looks."""
    time.sleep(0.01)


def seconds(stack: Stack, name: str, options: dict) -> float:
    """From the request until the session answers; it is ended then."""
    began = time.monotonic()
    run = stack.trigger("provision-instance/on-demand", instance_id=name, blueprint="warm", options=options)
    session = until(lambda: stack.records.instances.named([name]).get(name), "the record", 60, shortly)
    url = f"http://127.0.0.1:{stack.gateway_port}{session.base_url}api"
    until(lambda: httpx.get(url, trust_env=False).is_success, "the session", 120, shortly)
    took = round(time.monotonic() - began, 3)
    stack.finish(run)
    stack.run("deprovision-instance/on-demand", instance_id=name)
    return took


if __name__ == "__main__":
    main()
