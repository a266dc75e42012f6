"""The replay of what-if against the whole product: one demand, lived by both.

A random life in the simulator, without faults: users come, stay, leave, and come as classes. What the store then has on
record is replayed by the rules alone. Every second life has a course. Run many: `make simulate REPLAYS=200`.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median

from pool.records import Host
from pool.sessions.timings import percentile
from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from pool.what_if.figures import figures
from pool.what_if.replay import TICK, Replay
from pool.what_if.study import Past, livable
from tests.rigs.simulator.clock import BEGINNING
from tests.rigs.simulator.lives import Lives, lives

STEP = 100  # seconds that pass at once: short enough for a tick each half minute
WAITS_DIFFER = 40  # seconds: a tick comes at another moment, and a run takes some time to begin
HOURS_DIFFER = 0.1  # of the host-hours
BATCH = 2  # lives of a process before it says what they took
MOVED = 12  # replays that are tried beside the first
HOSTS_DIFFER = 1  # spawned: one that was about to be let go, or just was


@dataclass(frozen=True)
class Took:
    """What a demand took."""

    spawned: int
    refused: int
    late: int  # those, and sessions that had room only when their time limit was over but for a tick
    wait_p50: float
    wait_p95: float
    slot_hours: float  # of servers

    def disagrees(self, other: "Took") -> str:
        """Say in what they differ by more than they may; empty: in nothing."""
        hours = abs(self.slot_hours - other.slot_hours) > HOURS_DIFFER * max(self.slot_hours, other.slot_hours)
        waits = max(abs(self.wait_p50 - other.wait_p50), abs(self.wait_p95 - other.wait_p95)) > WAITS_DIFFER
        spawned = abs(self.spawned - other.spawned) > HOSTS_DIFFER
        refused = self.refused > other.late or other.refused > self.late
        found = {"host-hours": hours, "waits": waits, "hosts": spawned, "refused": refused}
        return ", ".join(name for name, differs in found.items() if differs)


@dataclass(frozen=True)
class Compared:
    """One life, and its replay."""

    seed: int
    lived: Took
    replayed: Took
    moved: int  # replays that were tried of visits at slightly other moments; 0: as they are on record
    core_seconds: float

    @property
    def differs(self) -> str:
        return self.lived.disagrees(self.replayed)

    @property
    def words(self) -> str:
        alike = f"alike{f', moved {self.moved} times' * bool(self.moved)}"
        return f"seed {self.seed}: {self.differs or alike}: {self.lived}, replayed {self.replayed}"


@dataclass(frozen=True)
class Lived:
    """One life in the simulator: what it took, and what it left on record."""

    seed: int
    took: Took
    past: Past
    settings: PoolSettings
    core_seconds: float

    def replayed(self) -> Compared:
        """Replay it by the rules alone; where that differs, with its visits at slightly other moments as well."""
        tried = [_of(self.past.replay(self.settings))]
        while self.took.disagrees(tried[-1]) and len(tried) <= MOVED:
            tried.append(_of(_moved(self.past, Random(len(tried))).replay(self.settings)))
        agrees = not self.took.disagrees(tried[-1])
        return Compared(self.seed, self.took, tried[-1 if agrees else 0], len(tried) - 1, self.core_seconds)


def lived(ours: Lives, seed: int) -> Lived:
    """Live three hours of a demand that follows from the seed, in the simulator."""
    begun = time.process_time()
    with ours.world(seed) as world:
        world.tells = False
        _demand(world, Random(seed), has_course=seed % 2 == 0)
        now, hosts = world.clock.now(), world.store.hosts.all()
        history, courses = world.store.history, world.store.configs.courses("main")
        visits, boots = history.visits("main", BEGINNING, now), history.boots("main")
        removals = history.removals("main")
        past = livable(Past("main", visits, boots, BEGINNING, now, courses=courses, removals=removals))
        settings, begin = world.config.settings("main"), BEGINNING + _tick_takes(world)
    seconds = time.process_time() - begun
    return Lived(seed, _took(visits, hosts, settings.queue_timeout, now), replace(past, begin=begin), settings, seconds)


def _tick_takes(world) -> timedelta:
    """How long a tick takes until it decides: the ticks of the replay decide when those of the product did."""
    decided = ((one.at - BEGINNING) % TICK for one in world.store.ticks.decisions(limit=1000))
    return median(decided)


def _moved(past: Past, random: Random) -> Past:
    """The same visits, each up to half a tick earlier or later."""
    half = TICK.total_seconds() / 2
    moved = [replace(one, at=one.at + timedelta(seconds=random.uniform(-half, half))) for one in past.visits]
    return replace(past, visits=sorted(moved, key=lambda one: one.at))


def _took(visits: Sequence[Visit], hosts: Sequence[Host], limit: float, now: datetime) -> Took:
    waits = [visit.waited for visit in visits if visit.waited is not None]
    hours = sum(_seconds(host, now) * host.slots for host in hosts) / 3600
    return Took(len(hosts), len(visits) - len(waits), *_of_waits(waits, len(visits) - len(waits), limit), hours)


def _of_waits(waits: Sequence[float], refused: int, limit: float) -> tuple[int, float, float]:
    """How many were late, and the waits; a session that was refused counts as one that waited the whole limit."""
    every = sorted([*waits, *[limit] * refused])
    return sum(wait > limit - WAITS_DIFFER for wait in every), percentile(every, 50), percentile(every, 95)


def _of(replay: Replay) -> Took:
    found, settings = figures(replay), replay.settings
    hours = found.host_hours_small * settings.slots_small + found.host_hours_large * settings.slots_large
    waits = _of_waits(replay.waits, replay.refused, settings.queue_timeout)
    return Took(replay.spawned, replay.refused, *waits, hours)


def _seconds(host: Host, now: datetime) -> float:
    gone = host.state_since if host.state is HostState.REMOVED else now
    return (gone - host.created_at).total_seconds()


def _demand(world, random: Random, has_course: bool) -> None:
    """Two hours of users who come alone or as a class, some of whom leave early; and one in which most of them end.

    A course has a class in the second hour, and its slots from a quarter of an hour before it.
    """
    _pass(world, 900)  # until the pool offers its image, and has a host
    if has_course:
        world.hold_class(minutes=45, slots=4, members=0, start_before=0)
    while world.time < 2 * 3600:
        if has_course and random.random() < 0.6:
            world.attend(0)
            world.advance(1)  # of two requests of one moment it is not on record which came first
        for _ in range(random.choice([1, 1, 1, 4])):
            world.arrive(random.choice(["small", "small", "large"]))
            world.advance(1)
        if random.random() < 0.4:
            _leave(world, random.randrange(50))
        _pass(world, random.choice([100, 300, 700, 1500]))
    _pass(world, 3600)


def _leave(world, which: int) -> None:
    """End a session that runs: one that is given up in the queue has no stay on record, and the replay gives it one."""
    running = {one.id for one in world.store.instances.all(states=[InstanceState.RUNNING])}
    if there := [number for number, session in enumerate(world.sessions) if session in running]:
        world.leave(there[which % len(there)])


def _pass(world, seconds: float) -> None:
    for _ in range(round(seconds / STEP)):
        world.advance(STEP)


def main() -> int:
    """Live many in two processes, and say of each what it took; 1 when some disagreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="seed of the first one; each next one is one more")
    parser.add_argument("--json", type=Path, help="file that the counts are written to")
    arguments = parser.parse_args()
    seeds, found = range(arguments.first, arguments.first + arguments.lives), list[Compared]()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        for batch in processes.map(compared, [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]):
            found += batch
            print(*(life.words for life in batch), sep="\n", flush=True)
    counts = {
        "lives": len(found),
        "disagree": {life.seed: life.differs for life in found if life.differs},
        "alike_as_on_record": sum(not life.moved for life in found),
        "core_seconds_a_life": round(sum(life.core_seconds for life in found) / len(found), 1),
    }
    print(json.dumps(counts))
    if arguments.json:
        arguments.json.write_text(json.dumps(counts, indent=2))
    return 1 if counts["disagree"] else 0


def compared(seeds: range) -> list[Compared]:
    """Lives, one after the other, each with its replay."""
    with lives() as ours:
        return [lived(ours, seed).replayed() for seed in seeds]


if __name__ == "__main__":
    sys.exit(main())
