"""How long a session takes to be there: from a standby, from a frozen one, and cold; and what standbys cost at rest.

First ten notebooks stand by on a light host, for a minute as they run and for a minute frozen, and are thawed one by
one. Then a stack of its own is brought up, with one host, and the three kinds of sessions start one after the other, in
turns. A cold request is one with an environment of its own. Measured is from the request on Prefect's API to the
session's first answer through the gateway. Run: `make bench NAME=standby`.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from pool.standbys.standby import StandbyState
from tests.rigs.stacks.stack import Stack
from tests.rigs.standing_notebooks import standing_notebooks
from tests.rigs.waiting import until
from tests.system.conftest import fresh_installation

PAIRS = 6
NOTEBOOKS, SETTLE_SECONDS, REST_SECONDS = 10, 30, 60
#: By what a session of each kind is asked for.
KINDS: dict[str, tuple[str, dict]] = {
    "cold": ("warm", {"environment": {"COURSE": "bio"}}),
    "standby": ("warm", {}),
    "frozen": ("frozen", {}),
}


def main() -> None:
    """Measure, and print the figures, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="sessions of each kind")
    parser.add_argument("--at-rest", action="store_true", help="what they cost at rest alone, without a stack")
    parser.add_argument("--notebooks", type=int, default=NOTEBOOKS, help="that are at rest")
    parser.add_argument("--rest", type=int, default=REST_SECONDS, help="seconds of it, running and frozen")
    arguments = parser.parse_args()
    figures = at_rest(arguments.notebooks, arguments.rest)
    if not arguments.at_rest:
        figures |= starts(arguments.pairs)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def at_rest(notebooks: int, seconds: int) -> dict[str, Any]:
    """Seconds of processors that all of them take in a minute, and seconds until one that is thawed answers."""
    with standing_notebooks(notebooks) as there:
        time.sleep(min(SETTLE_SECONDS, seconds))  # what a notebook does once it is up
        running = there.cpu_within(seconds) * 60 / seconds
        there.freeze()
        frozen = there.cpu_within(seconds) * 60 / seconds
        thawed = [there.thaw(spec) for spec in there.specs]
    engine, answers = ([round(one, 4) for one in each] for each in zip(*thawed, strict=True))
    cpu = {"running_cpu_s_per_min": round(running, 2), "frozen_cpu_s_per_min": round(frozen, 3), "notebooks": notebooks}
    medians = {"thaw_p50_s": statistics.median(engine), "thaw_to_answer_p50_s": statistics.median(answers)}
    return cpu | medians | {"thaws": engine, "thaws_to_answer": answers, "load_at_rest": os.getloadavg()}


def starts(pairs: int) -> dict[str, Any]:
    """How long sessions of the three kinds take to be there, on a stack of its own."""
    stack = fresh_installation()
    try:
        up = stack.command("up")
        assert up.returncode == 0, up.stdout
        return measure(stack, pairs)
    finally:
        stack.command("down")


def measure(stack: Stack, pairs: int) -> dict[str, Any]:
    """Figures of each kind; one of each first, which are not counted."""
    stack.save_blueprint("warm", standby=1, sign_in="open")
    stack.save_blueprint("frozen", standby=1, standby_frozen=True, sign_in="open")
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(pairs + 1):
        for kind, (blueprint, options) in KINDS.items():
            until(lambda name=blueprint: stands_by(stack, name), f"a standby of {blueprint}", 180)  # type: ignore[misc]
            taken[kind].append(seconds(stack, f"{kind}-{number}", blueprint, options))
    given = [
        stack.records.instances.get(f"{kind}-{number}") for kind in ("standby", "frozen") for number in range(pairs + 1)
    ]
    assert all(one.standby for one in given)
    medians = {f"{kind}_p50_s": round(statistics.median(all_[1:]), 3) for kind, all_ in taken.items()}
    slowest = {f"{kind}_worst_s": max(all_[1:]) for kind, all_ in taken.items()}
    return medians | slowest | {"samples": taken, "load": os.getloadavg(), "cores": os.cpu_count()}


def stands_by(stack: Stack, blueprint: str) -> bool:
    """Whether a standby of the blueprint is ready."""
    return bool(stack.records.standbys.all("main", [StandbyState.READY], blueprint))


def shortly() -> None:
    """Wait between two looks."""
    time.sleep(0.01)


def seconds(stack: Stack, name: str, blueprint: str, options: dict) -> float:
    """From the request until the session answers; it is ended then."""
    began = time.monotonic()
    run = stack.trigger("provision-instance/on-demand", instance_id=name, blueprint=blueprint, options=options)
    session = until(lambda: stack.records.instances.named([name]).get(name), "the record", 60, shortly)
    url = f"http://127.0.0.1:{stack.gateway_port}{session.base_url}api"
    until(lambda: httpx.get(url, trust_env=False).is_success, "the session", 120, shortly)
    took = round(time.monotonic() - began, 3)
    stack.finish(run)
    stack.run("deprovision-instance/on-demand", instance_id=name)
    return took


if __name__ == "__main__":
    main()
