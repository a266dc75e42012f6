"""A week of a teaching site, lived by the whole product in the simulator: its records are those that real flows wrote.

The users are those of ``tests/benchmarks/arrivals.py``, from a seed. Each asks for a session and ends it by a flow run,
on simulated machines and in virtual time; the pool is ticked each half minute. The pool's database is left in a folder:
`python -m tests.rigs.lived_week FOLDER --days 4` takes six core-minutes, prints what happened, and how to replay it.
"""

import argparse
import heapq
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

from blocks.stored.blueprint import Blueprint
from pool.records import Host
from pool.sessions.timings import percentile
from pool.states import HostState
from tests.benchmarks.arrivals import DAY, SEED, Visit, week_of
from tests.rigs.simulator.clock import BEGINNING
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.lives import lives
from tests.rigs.simulator.stores import WatchedStore

HOUR = 3600
STEP = 100  # seconds that pass at once: short enough for a tick each half minute
SETTINGS = {"DD_MAX_HOSTS": 6, "DD_FREE_SLOT_TARGET": 4, "DD_HOST_LIFETIME": 14400}
SIZES = {"DD_HOST_FLAVOR_SLOTS_SMALL": 6, "DD_HOST_FLAVOR_SLOTS_LARGE": 24}


def main() -> None:
    """Live the days, leave their records, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="that the records are left in, as pool.sqlite")
    parser.add_argument("--days", type=int, default=7)
    said = parser.parse_args()
    with lives() as ours, ours.world(SEED) as world:
        visits, _ = week_of(Random(SEED))
        live(world, [one for one in visits if one.at < said.days * DAY], said.days * DAY)
        print(json.dumps(happened(world), indent=2))
        keep(world, said.folder)
    print(f"DD_DATA={said.folder} DD_DATABASE=sqlite dockerdriver what-if --since {BEGINNING:%Y-%m-%d}", end=" ")
    print(f"--until '{BEGINNING + timedelta(days=said.days, hours=1):%Y-%m-%d %H:%M}'")


def live(world: EventfulWorld, visits: Sequence[Visit], seconds: float) -> None:
    """Have these users come and leave, from an hour after the pool began on."""
    world.tells = False
    for name, value in (SETTINGS | SIZES).items():
        setattr(world.config, name, value)
    world.most_hosts = world.config.DD_MAX_HOSTS
    blueprints = world.stored[Blueprint]
    blueprints["small"] = blueprints["small"].model_copy(update={"lifetime": 6 * HOUR})
    events = [(HOUR + at, number, leaves) for number, one in enumerate(visits) for at, leaves in _ends(one)]
    heapq.heapify(events)
    while events:
        at, number, leaves = heapq.heappop(events)
        if at >= HOUR + seconds:
            break
        pass_until(world, at)
        if leaves:
            world.leave(number)
        else:
            world.arrive()
    pass_until(world, HOUR + seconds)


def _ends(visit: Visit) -> tuple[tuple[int, bool], tuple[int, bool]]:
    return (visit.at, False), (visit.until, True)


def pass_until(world: EventfulWorld, at: float) -> None:
    """Let time pass until so many seconds after the beginning."""
    while world.time < at:
        world.advance(min(STEP, at - world.time))


def happened(world: EventfulWorld) -> dict[str, float]:
    """What a replay of these records should say, by the records of sessions and hosts themselves."""
    now, hosts, settings = world.clock.now(), world.store.hosts.all(), world.config.settings("main")
    visits = world.store.history.visits("main", BEGINNING, now)
    refused = sum(one.waited is None for one in visits)
    waits = sorted(float(settings.queue_timeout if one.waited is None else one.waited) for one in visits)
    return {
        "sessions": len(visits),
        "refused": refused,
        "wait_p50_s": percentile(waits, 50),
        "wait_p95_s": percentile(waits, 95),
        "wait_longest_s": waits[-1],
        "small_host_hours": round(sum(_hours(host, world) * host.slots for host in hosts) / settings.slots_small, 1),
        "hosts_at_the_peak": _peak(hosts, world),
        "hosts": len(hosts),
    }


def _hours(host: Host, world: EventfulWorld) -> float:
    gone = host.state_since if host.state is HostState.REMOVED else world.clock.now()
    return (gone - host.created_at).total_seconds() / HOUR


def _peak(hosts: Sequence[Host], world: EventfulWorld) -> int:
    """The most hosts that there were at once."""
    steps = [(host.created_at, 1) for host in hosts]
    steps += [(host.state_since, -1) for host in hosts if host.state is HostState.REMOVED]
    there = most = 0
    for _, step in sorted(steps):
        there += step
        most = max(most, there)
    return most


def keep(world: EventfulWorld, folder: Path) -> None:
    """Copy the pool's database to a folder, as `DD_DATA=FOLDER DD_DATABASE=sqlite` has a command read it."""
    folder.mkdir(parents=True, exist_ok=True)
    store = world.store
    assert isinstance(store, WatchedStore)
    lived = str(store.database.engine.url.database)
    with closing(sqlite3.connect(lived)) as source, closing(sqlite3.connect(folder / "pool.sqlite")) as copy:
        source.backup(copy)


if __name__ == "__main__":
    main()
