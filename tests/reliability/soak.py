"""A thousand short sessions on one stack, while each minute one of its processes is killed.

Before the sessions the stack is idle for some minutes, whose ticks say what an idle day leaves in Prefect's database:
as much as those of the hours for which completed ticks are kept. A fortnight is extrapolated from what the sessions
left there: events are kept for two days, all else for fourteen. Memory and open files are of all processes that the
stack runs, without PostgreSQL, whose processes share most of theirs; their growth is from the median of the first fifth
of the samples to that of the last. Run: `make soak MINUTES=30 JSON=file`; it starts a stack of its own, needs root.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import LiteralString

import psycopg

from runtime.supervision.environment import marked_processes
from tasks.housekeeping.retention import TICKS_KEPT
from tests.reliability.accepted import End
from tests.reliability.judging import judge
from tests.reliability.ledger import Ledger, sentences
from tests.reliability.tiny_stack import tiny_stack
from tests.reliability.traffic import ASK, END, Traffic
from tests.reliability.victims import Battlefield
from tests.rigs.curves import Curve, picture
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until

DATA = CHECKOUT / "build" / "kill-anywhere"  # whose images are built already, where it has run
PICTURE = CHECKOUT / "docs" / "pictures" / "soak.svg"
SESSIONS = 1000
IDLE_SECONDS = 180
SAMPLE_SECONDS = 5
KILL_SECONDS = 60
END_SECONDS = 180  # for the requests that are under way at the end
SEED = 11
DAY = 1000  # sessions a day of the fortnight that is extrapolated
RUNS_DAYS, EVENTS_DAYS = 14, 2  # for which Prefect's database keeps them: docs/retention.md
SIZE = "SELECT pg_database_size('prefect')"
SIZE_OF_EVENTS = """SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relname IN ('events', 'event_resources')"""
VICTIMS = ("server", "warm", "long", "gateway", "database")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """What one look at the stack saw."""

    minute: float  # since the traffic began
    files: int  # that its processes have open
    memory_mb: float  # resident
    prefect_mb: float  # Prefect's database
    accepted: int  # requests so far


@dataclass
class Soak:
    """What was seen of a stack under traffic."""

    samples: list[Sample] = field(default_factory=list)
    kills: list[tuple[float, str]] = field(default_factory=list)


def main() -> None:
    """Run it, print the figures, draw the curves."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--minutes", type=float, default=30, help="in which the sessions are asked for")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--picture", type=Path, default=PICTURE, help="SVG file that the curves are drawn into")
    arguments = parser.parse_args()
    with tiny_stack(DATA, hosts=2) as stack:
        figures, soak = measure(stack, arguments.minutes, arguments.sessions)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))
    arguments.picture.write_text(drawn(soak))


def measure(stack: Stack, minutes: float, sessions: int) -> tuple[dict[str, float], Soak]:
    """The figures of a running stack, and what they are made of."""
    seen = Battlefield(stack)
    idle = idle_mb_per_day(seen)
    before, events_before, soak = prefect_mb(seen), events_mb(seen), Soak()
    with Traffic(stack, per_second=2 * sessions / (60 * minutes), mix=(ASK, END)) as traffic:
        live_through(seen, traffic, soak, minutes)
    ledger = Ledger(stack, stack.records)
    accounts = ledger.wait(traffic.accepted, END_SECONDS)
    stack.run("housekeep/scheduled")
    left = judge(seen, stack.records, [])
    print("\n".join([*sentences(accounts), *left.orphans]))
    asked = sum(not request.ends for request in traffic.accepted)
    grown, of_events = prefect_mb(seen) - before, events_mb(seen) - events_before
    figures = {
        "sessions": asked,
        "kills": len(soak.kills),
        "served": sum(end is End.SERVED for _, end, _ in accounts),
        "refused": sum(end is End.REFUSED for _, end, _ in accounts),
        "lost": len(sentences(accounts)),
        "orphans": len(left.orphans),
        "fd_growth": growth([sample.files for sample in soak.samples]),
        "rss_growth_mb": growth([sample.memory_mb for sample in soak.samples]),
        "prefect_db_mb_per_1000_sessions": round(grown / max(asked, 1) * 1000, 1),
        "prefect_gb_of_a_fortnight": fortnight_gb(grown, of_events, asked),
        "idle_mb_per_day": idle,
    }
    return figures, soak


def live_through(seen: Battlefield, traffic: Traffic, soak: Soak, minutes: float) -> None:
    """Look at the stack every few seconds, and kill one of its programs each minute."""
    random, began = Random(SEED), time.monotonic()
    next_kill = KILL_SECONDS
    while (passed := time.monotonic() - began) < minutes * 60:
        with suppress(psycopg.Error):  # its database was killed just now
            soak.samples.append(sample(seen, passed / 60, len(traffic.accepted)))
        if passed > next_kill:
            next_kill += KILL_SECONDS
            victim = random.choice(VICTIMS)
            print(f"{time.strftime('%H:%M:%S')} kills {victim}; {len(traffic.accepted)} requests so far", flush=True)
            seen.kill_own_database() if victim == "database" else seen.kill_program(victim)
            soak.kills.append((passed / 60, victim))
        time.sleep(SAMPLE_SECONDS)


def sample(seen: Battlefield, minute: float, accepted: int) -> Sample:
    """Look once."""
    ours = [pid for pid, command in marked_processes(seen.settings.identity).items() if "containerd" not in command]
    files, memory = zip(*map(_files_and_memory, ours), strict=True) if ours else ((0,), (0.0,))
    return Sample(minute, sum(files), sum(memory), prefect_mb(seen), accepted)


def _files_and_memory(pid: int) -> tuple[int, float]:
    """Open files, and resident memory in MB; nothing of a process that has ended meanwhile."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return len(list(Path(f"/proc/{pid}/fd").iterdir())), pages * PAGE / 1e6
    except OSError:
        return 0, 0.0


def prefect_mb(seen: Battlefield) -> float:
    """Size of Prefect's database."""
    return _megabytes(seen, SIZE)


def events_mb(seen: Battlefield) -> float:
    """Size of its events, with their indexes."""
    return _megabytes(seen, SIZE_OF_EVENTS)


def _megabytes(seen: Battlefield, question: LiteralString) -> float:
    socket = str(seen.settings.database_socket)
    with psycopg.connect(host=socket, user="postgres", dbname="prefect", connect_timeout=5) as connection:
        found = connection.execute(question).fetchone()
        assert found, "each of these questions has one answer"
        return float(found[0]) / 1e6


def fortnight_gb(grown: float, of_events: float, sessions: int) -> float:
    """What fourteen days leave, by the MB that so many sessions left, of which some are of events."""
    a_day = DAY / max(sessions, 1)
    return round(((grown - of_events) * RUNS_DAYS + of_events * EVENTS_DAYS) * a_day / 1000, 2)


def idle_mb_per_day(seen: Battlefield, seconds: float = IDLE_SECONDS) -> float:
    """What is left of an idle day at its end, by what some idle minutes write."""
    until(lambda: not seen.stack.runs_under_way(["configure-host", "spawn-host"]), "the pool has its hosts", 300)
    time.sleep(30)  # events of what went before are written some seconds later
    before = prefect_mb(seen)
    time.sleep(seconds)
    return round((prefect_mb(seen) - before) * TICKS_KEPT / timedelta(seconds=seconds), 1)


def growth(values: Sequence[float]) -> float:
    """From the median of the first fifth to that of the last."""
    fifth = max(1, len(values) // 5)
    return round(median(values[-fifth:]) - median(values[:fifth]), 1) if values else 0.0


def drawn(soak: Soak) -> str:
    """The curves as SVG."""
    curves: dict[str, Curve] = {
        "requests that were accepted": [(one.minute, one.accepted) for one in soak.samples],
        "open files of all processes": [(one.minute, one.files) for one in soak.samples],
        "resident memory of all processes, MB": [(one.minute, one.memory_mb) for one in soak.samples],
        "Prefect's database, MB": [(one.minute, one.prefect_mb) for one in soak.samples],
    }
    marks = [minute for minute, _ in soak.kills]
    return picture("Short sessions, and a kill each minute", curves, marks, "a process was killed")


if __name__ == "__main__":
    main()
