"""The replay of what-if against the whole product: one demand, lived by both.

A random life in the simulator, without faults: users come, stay, leave, and come as classes. What the store then has on
record is replayed by the rules alone. Every second life has a course. Run many: `make simulate REPLAYS=200`.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from pool.records import Host
from pool.sessions.timings import percentile
from pool.states import HostState, InstanceState
from pool.what_if.figures import figures
from pool.what_if.replay import Replay
from pool.what_if.study import Past, livable
from tests.rigs.simulator.clock import BEGINNING
from tests.rigs.simulator.lives import Lives, lives

STEP = 100  # seconds that pass at once: short enough for a tick each half minute
WAITS_DIFFER = 40  # seconds: a tick comes at another moment, and a run takes some time to begin
HOURS_DIFFER = 0.1  # of the host-hours
HOSTS_DIFFER = 1  # spawned: one that was about to be let go, or just was


@dataclass(frozen=True)
class Took:
    """What a demand took."""

    spawned: int
    refused: int
    wait_p50: float
    wait_p95: float
    slot_hours: float  # of servers

    def disagrees(self, other: "Took") -> str:
        """Say in what they differ by more than they may; empty: in nothing."""
        hours = abs(self.slot_hours - other.slot_hours) > HOURS_DIFFER * max(self.slot_hours, other.slot_hours)
        waits = max(abs(self.wait_p50 - other.wait_p50), abs(self.wait_p95 - other.wait_p95)) > WAITS_DIFFER
        spawned = abs(self.spawned - other.spawned) > HOSTS_DIFFER
        found = {"host-hours": hours, "waits": waits, "hosts": spawned, "refused": self.refused != other.refused}
        return ", ".join(name for name, differs in found.items() if differs)


def lived_and_replayed(ours: Lives, seed: int) -> tuple[Took, Took]:
    """One life in the simulator, and the replay of what it left on record."""
    with ours.world(seed) as world:
        world.tells = False
        _demand(world, Random(seed), has_course=seed % 2 == 0)
        now, hosts = world.clock.now(), world.store.hosts.all()
        visits = world.store.history.visits("main", BEGINNING, now)
        boots = [(host.active_at - host.created_at).total_seconds() for host in hosts if host.active_at]
        past = livable(Past("main", visits, boots, BEGINNING, now))
        courses = world.store.configs.courses("main")
        replay = Replay(world.config.settings("main"), past.visits, boots, BEGINNING, now, courses=courses).run()
        waits = sorted(visit.waited for visit in visits if visit.waited is not None)
        refused = sum(visit.waited is None for visit in visits)
        hours = sum(_seconds(host, now) * host.slots for host in hosts) / 3600
        lived = Took(len(hosts), refused, percentile(waits, 50), percentile(waits, 95), hours)
    return lived, _of(replay)


def _of(replay: Replay) -> Took:
    found, settings = figures(replay), replay.settings
    hours = found.host_hours_small * settings.slots_small + found.host_hours_large * settings.slots_large
    waits = sorted(replay.waits)  # of those that got room, as of the product's visits
    return Took(replay.spawned, replay.refused, percentile(waits, 50), percentile(waits, 95), hours)


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
    """Live many, and say of each what it took; 1 when some disagreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="seed of the first one; each next one is one more")
    parser.add_argument("--json", type=Path, help="file that the counts are written to")
    arguments = parser.parse_args()
    found: dict[int, str] = {}
    with lives() as ours:
        for seed in range(arguments.first, arguments.first + arguments.lives):
            lived, replayed = lived_and_replayed(ours, seed)
            if words := lived.disagrees(replayed):
                found[seed] = words
            print(f"seed {seed}: {words or 'alike'}: {lived}, replayed {replayed}", flush=True)
    counts = {"lives": arguments.lives, "disagree": len(found), "seeds": found}
    print(json.dumps(counts))
    if arguments.json:
        arguments.json.write_text(json.dumps(counts, indent=2))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
