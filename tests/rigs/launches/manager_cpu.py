"""Processor time of the manager: what a launch costs beside its container, however busy the machine is."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from blocks.settings import ProcessSettings
from runtime.databases.own_database import cluster, processes_in
from runtime.supervision.environment import marked_processes
from tests.rigs.stacks.stack import Stack

TICKS = os.sysconf("SC_CLK_TCK")
AFTER_SECONDS = 3.0  # that what follows a launch may take: events, steps and states of runs are written by then
#: By part of the manager, what its command line has; the first that fits counts. What fits none is an engine's.
PARTS = {"server": "prefect_server", "worker": " -p warm", "gateway": "nginx"}

#: Processor seconds so far, by part.
Meter = Callable[[], Mapping[str, float]]


def meter_of(stack: Stack) -> Meter:
    """Return what reads the processor time of a running stack's Prefect server, warm worker, gateway and database."""
    settings = ProcessSettings(data=stack.data, _env_file=None)

    def read() -> Mapping[str, float]:
        found = defaultdict[str, float](float)
        for pid, command in marked_processes(settings.identity).items():
            if part := next((part for part, word in PARTS.items() if word in command), ""):
                found[part] += seconds_of(pid)
        found["database"] = sum(map(seconds_of, processes_in(cluster(settings))))
        return found

    return read


def spent(meter: Meter, before: Mapping[str, float]) -> dict[str, float]:
    """Processor seconds by part since *before*, with those of what still follows."""
    time.sleep(AFTER_SECONDS)
    after = meter()
    return {part: round(after[part] - before.get(part, 0), 2) for part in sorted(after)}


def seconds_of(pid: int) -> float:
    """Processor seconds of a process so far; 0 for one that has ended."""
    return seconds_in(_stat(pid))


def seconds_in(stat: str) -> float:
    """Processor seconds of a process, by its line in ``/proc``; 0 for one that has ended."""
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS


def _stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
