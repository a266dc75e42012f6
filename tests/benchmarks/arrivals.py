"""A week of a teaching site: how long users wait and what the hosts cost, by our rules and the old driver's.

Simulated from a seed: classes of 30 to 80, whose users come within minutes, stay to its end, and sometimes forget to
leave; stragglers by day and a few by night. The rules alone drive the pool (tests/rigs/ruled_pool.py); hosts take one
to six minutes to boot. A host-hour is that of a small host; a large one, four times its size, counts four.

Ours knows the classes by the timetable; `wait_p95_s_no_timetable` is without. The peer are the rules of the old driver:
one action in a tick, first a small host, then large ones, whenever the free slots now or on their way are fewer than
the target; a queue does not count. A host past its lifetime takes no session and is removed when it is empty; an unused
one has no lifetime. The clairvoyant knows who comes and when, has each host a boot ahead, and could move sessions from
host to host: at each moment it has the cheapest hosts that hold those who are there, and the free slots of the target.
No rules can do as well. Run: `make bench NAME=arrivals`.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random
from statistics import quantiles

from pool.decisions import Decision, DecisionKind
from pool.hosts.lifetime import remaining, takes_sessions
from pool.hosts.mix import Demand, Quota, best_mix
from pool.hosts.sizing import flavor_to_spawn
from pool.housekeeping.observation import Observation
from pool.records import FlavorSize, Instance
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState, InstanceState
from pool.timetable import read_timetable
from tests.rigs.pool_data import NOW
from tests.rigs.ruled_pool import TICK, Cloud, RuledPool

SEED = 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK, DAY, HOUR, MINUTE = 7 * 86400, 86400, 3600, 60
FIRST_HOUR = 8  # of the day that the simulation begins in
SETTINGS = {"max_hosts": 6, "free_slot_target": 4}
BOOT = 180  # seconds, of the clairvoyant's hosts


@dataclass(frozen=True)
class Visit:
    """One user's session; seconds from the beginning."""

    at: int
    until: int


@dataclass(frozen=True)
class Lesson:
    """One class."""

    at: int  # seconds from the beginning
    users: int
    seconds: int


def main() -> None:
    """Live the week by each of the rules, and print what it took."""
    parser = argparse.ArgumentParser(prog="make bench NAME=arrivals", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    figures = measure(Random(arguments.seed))
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(random: Random) -> dict[str, float]:
    """The figures of one week."""
    lessons = sorted(_lessons(random), key=lambda lesson: lesson.at)
    visits = sorted([*_pupils(lessons, random), *_stragglers(random)], key=lambda visit: visit.at)
    boots = [random.choice([60, 90, 120, 200, 360]) for _ in range(997)]
    ours, plain, old = (
        lived(kind(Cloud(boot=lambda number: boots[number % len(boots)]), **SETTINGS, **more), visits)
        for kind, more in ((RuledPool, {"timetable": timetable(lessons)}), (RuledPool, {}), (OldRules, {}))
    )
    hours = host_hours(ours)
    return {
        "sessions": len(visits),
        "wait_p95_s": p95(ours),
        "wait_p95_s_no_timetable": p95(plain),
        "wait_p95_s_old": p95(old),
        "host_hours": round(hours, 1),
        "host_hours_vs_old": round(hours / host_hours(old), 2),
        "host_hours_vs_clairvoyant": round(hours / clairvoyant_hours(visits), 2),
        "refused": len(ours.having(InstanceState.FAILED)),
        "refused_old": len(old.having(InstanceState.FAILED)),
    }


def p95(pool: RuledPool) -> float:
    """Seconds that 95 of 100 users wait at most for their place; one that never got it waited the whole limit."""
    waits = [pool.waited.get(one, pool.settings.queue_timeout) for one in pool.sessions]
    return round(quantiles(waits, n=20)[-1], 1)


def host_hours(pool: RuledPool) -> float:
    """Hours of small hosts."""
    return pool.slot_seconds / pool.settings.slots_small / HOUR


# The demand


def _lessons(random: Random) -> Iterator[Lesson]:
    for day in range(5):
        for hour in (9, 11, 14, 16):
            if random.random() < 0.7:
                yield Lesson(
                    day * DAY + (hour - FIRST_HOUR) * HOUR, random.randint(30, 80), random.choice([75, 90]) * MINUTE
                )


def _pupils(lessons: Sequence[Lesson], random: Random) -> Iterator[Visit]:
    for lesson in lessons:
        for _ in range(lesson.users):
            at = lesson.at + max(-300, min(900, round(random.gauss(0, 150))))
            forgets = random.random() < 0.05
            leaves = lesson.at + lesson.seconds + round(random.gauss(0, 180))
            yield Visit(at, at + 3 * HOUR if forgets else max(at + 300, leaves))


def _stragglers(random: Random) -> Iterator[Visit]:
    at = 0.0
    while at < WEEK:
        hour = (at / HOUR + FIRST_HOUR) % 24
        at += random.expovariate(4 / HOUR if 8 <= hour < 22 else 0.4 / HOUR)
        yield Visit(int(at), int(at + max(300, min(4 * HOUR, random.expovariate(1 / HOUR)))))


def timetable(lessons: Sequence[Lesson]) -> tuple:
    """What an operator writes down who knows the classes: the places are there five minutes before each."""
    lines = [_line(lesson) for lesson in lessons]
    return read_timetable(lines, "UTC")


def _line(lesson: Lesson) -> str:
    begin = NOW + timedelta(seconds=lesson.at - 300)
    end = begin + timedelta(minutes=1)
    return f"{DAYS[begin.weekday()]} {begin:%H:%M}-{end:%H:%M}: {lesson.users}"


# Who serves it


def lived(pool: RuledPool, visits: Sequence[Visit]) -> RuledPool:
    """The week, in ticks of half a minute; each user comes at the tick before."""
    coming = list(reversed(visits))
    for second in range(0, WEEK, TICK):
        while coming and coming[-1].at < second + TICK:
            visit = coming.pop()
            pool.ask(seconds=visit.until - visit.at)
        pool.run(TICK)
    return pool


class OldRules(RuledPool):
    """The same pool by the rules of the old driver."""

    def decide(self, seen: Observation) -> list[Decision]:
        """One action: the first that there is to do."""
        return [*islice(self._actions(seen), 1), *self._proofs(seen)]

    def turns(self, queue: Sequence[Instance]) -> list[tuple[Instance, str]]:
        """First come, first served, on the fullest host whose lifetime is long enough."""
        hosts = [host for host in self.hosts.values() if self._takes(host)]
        free = {host.name: host.free for host in hosts}
        given = []
        for one in queue:
            fitting = sorted((slots, name) for name, slots in free.items() if slots >= one.slots)
            if not fitting:
                break
            name = fitting[0][1]
            free[name] -= one.slots
            given.append((one, name))
        return given

    def _takes(self, host) -> bool:
        return host.state is HostState.ACTIVE and takes_sessions(host, self.settings, self.now)

    def _actions(self, seen: Observation) -> Iterator[Decision]:
        for host in seen.hosts:
            over = host.state is HostState.ACTIVE and remaining(host, self.settings, self.now) <= 0
            if over and not host.reserved:
                yield Decision(DecisionKind.REMOVE, host.name, "its lifetime is over")
        living = [host for host in seen.hosts if host.state in LIVING_HOSTS]
        free = sum(host.free for host in living if self._takes(host) or host.state in ON_THEIR_WAY)
        if free < self.settings.free_slot_target and len(living) < self.settings.max_hosts:
            yield Decision(DecisionKind.SPAWN, "main", "too few free slots", flavor_to_spawn(living))

    def _proofs(self, seen: Observation) -> Iterator[Decision]:
        for host in seen.hosts:
            if host.state is HostState.REMOVING and host.name not in seen.servers:
                yield Decision(DecisionKind.CONFIRM_GONE, host.name, "it is gone")
        waited = timedelta(seconds=self.settings.queue_timeout)
        for one in seen.queue:
            if self.now - one.created_at > waited:
                yield Decision(DecisionKind.GIVE_UP, one.id, "no room")


def clairvoyant_hours(visits: Sequence[Visit]) -> float:
    """Hours of small hosts that the demand costs at least: hosts for those who are there now, or a boot later."""
    settings = PoolSettings(**SETTINGS)
    steps = WEEK // TICK
    there = [0] * (steps + 1)
    for visit in visits:
        for step in range(visit.at // TICK, min(steps, -(-visit.until // TICK))):
            there[step] += 1
    ahead = BOOT // TICK
    needs = [max(there[step : step + ahead + 1]) + settings.free_slot_target for step in range(steps)]
    cost = {need: _cheapest(need, settings) for need in set(needs)}
    return sum(cost[need] for need in needs) * TICK / settings.slots_small / HOUR


def _cheapest(slots: int, settings: PoolSettings) -> int:
    mix = best_mix(Demand((), slots), FlavorSize.SMALL, settings, settings.max_hosts, Quota({}))
    return mix.small * settings.slots_small + mix.large * settings.slots_large


if __name__ == "__main__":
    main()
