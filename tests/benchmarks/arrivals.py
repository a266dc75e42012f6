"""A week of a teaching site: how long users wait and what the hosts cost, by our rules and the old driver's.

Simulated from a seed: classes of 30 to 80, whose users come within minutes, stay to its end, and sometimes forget to
leave; stragglers by day and a few by night. The rules alone drive the pool (pool/what_if/replay.py); hosts take one
to six minutes to boot. A host-hour is that of a small host; a large one, four times its size, counts four.

Ours has settings of a kind that `advise` tries: a timetable of the classes, and small hosts alone, 24 of them instead
of 6. ``…_large_from_24`` has 6 of both sizes, large ones from 24 slots in use on; ``…_usual`` has them from the first
session on, as a new installation; `wait_p95_s_no_timetable` is that without the timetable. The peer are the rules of
the old driver, with 6 hosts of both sizes: one action in a tick, first a small host, then large ones, whenever the free
slots now or on their way are fewer than the target; a queue does not count. A host past its lifetime takes no session
and is removed when it is empty; an unused one has no lifetime. The clairvoyant knows who comes and when, has each host
a boot ahead, and could move sessions from host to host: at each moment it has the cheapest hosts that hold those who
are there, and the free slots of the target. No rules can do as well. Run: `make bench NAME=arrivals`.
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
from typing import Any

from pool.decisions import Decision, DecisionKind
from pool.hosts.lifetime import remaining, takes_sessions
from pool.hosts.mix import Demand, Quota, best_mix
from pool.hosts.sizing import flavor_to_spawn
from pool.housekeeping.observation import Observation
from pool.records import FlavorSize, Host, Instance
from pool.sessions import visits as facts
from pool.sessions.queue import QueueEntry
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState
from pool.timetable import read_timetable
from pool.what_if.figures import figures
from pool.what_if.replay import TICK as TICK_SPAN
from pool.what_if.replay import Replay
from tests.rigs.pool_data import NOW, later

SEED = 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK, DAY, HOUR, MINUTE = 7 * 86400, 86400, 3600, 60
FIRST_HOUR = 8  # of the day that the simulation begins in
SETTINGS: dict[str, Any] = {"max_hosts": 6, "free_slot_target": 4}
ADVISED: dict[str, Any] = {"max_hosts": 24, "slots_large": 6, "flavor_large": "standard.medium"}
TICK = int(TICK_SPAN.total_seconds())
BOOT = 180  # seconds, of the clairvoyant's hosts


@dataclass(frozen=True)
class Visit:
    """One user's session; seconds from the beginning."""

    at: int
    until: int

    @property
    def seconds(self) -> int:
        return self.until - self.at


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
    lessons, visits, boots = teaching_week(random)
    known: dict[str, Any] = {"timetable": timetable(lessons)}
    kinds: tuple[tuple[type[Replay], dict[str, Any]], ...] = (
        (Replay, known | ADVISED),
        (Replay, known | {"large_from": 24}),
        (Replay, known),
        (Replay, {}),
        (OldRules, {}),
    )
    ours, few, usual, plain, old = (lived(kind, PoolSettings(**SETTINGS | more), visits, boots) for kind, more in kinds)
    hours, least = figures(ours).small_host_hours, clairvoyant_hours(visits)
    return {
        "sessions": len(visits),
        "wait_p95_s": p95(ours),
        "wait_p95_s_no_timetable": p95(plain),
        "wait_p95_s_old": p95(old),
        "host_hours": hours,
        "host_hours_vs_old": round(hours / figures(old).small_host_hours, 2),
        "host_hours_vs_clairvoyant": round(hours / least, 2),
        "host_hours_vs_clairvoyant_large_from_24": round(figures(few).small_host_hours / least, 2),
        "wait_p95_s_large_from_24": p95(few),
        "host_hours_vs_clairvoyant_usual": round(figures(usual).small_host_hours / least, 2),
        "wait_p95_s_usual": p95(usual),
        "refused": ours.refused,
        "refused_old": old.refused,
    }


def lived(
    kind: type[Replay], settings: PoolSettings, visits: Sequence[Visit], boots: Sequence[float], seconds: int = WEEK
) -> Replay:
    """The week, or so many seconds of it, by these rules."""
    known = [facts.Visit(later(one.at), 1, stayed=one.seconds, allowed=one.seconds) for one in visits]
    return kind(settings, known, boots, NOW, later(seconds)).run()


def p95(replay: Replay) -> float:
    """Seconds that 95 of 100 users wait at most for their place; one that never got it waited the whole limit."""
    return round(quantiles([*replay.waits, *[replay.settings.queue_timeout] * replay.refused], n=20)[-1], 1)


# The demand


def week_of(random: Random) -> tuple[list[Visit], list[float]]:
    """The visits of a week, and seconds that hosts take to boot."""
    _, visits, boots = teaching_week(random)
    return visits, boots


def teaching_week(random: Random) -> tuple[list[Lesson], list[Visit], list[float]]:
    """The classes of a week, all of its visits, and seconds that hosts take to boot."""
    lessons = sorted(_lessons(random), key=lambda lesson: lesson.at)
    visits = sorted([*_pupils(lessons, random), *_stragglers(random)], key=lambda visit: visit.at)
    return lessons, visits, [random.choice([60.0, 90.0, 120.0, 200.0, 360.0]) for _ in range(997)]


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


class OldRules(Replay):
    """The same pool by the rules of the old driver."""

    def decide(self, seen: Observation) -> list[Decision]:
        """One action: the first that there is to do."""
        return [*islice(self._actions(seen), 1), *self._proofs(seen)]

    def turns(self, line: Sequence[QueueEntry], hosts: Sequence[Host]) -> list[tuple[Instance, str]]:
        """First come, first served, on the fullest host whose lifetime is long enough."""
        free = {host.name: host.free for host in hosts if self._takes(host)}
        given = []
        for one in (entry.instance for entry in line):
            fitting = sorted((slots, name) for name, slots in free.items() if slots >= one.slots)
            if not fitting:
                break
            name = fitting[0][1]
            free[name] -= one.slots
            given.append((one, name))
        return given

    def _takes(self, host: Host) -> bool:
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
            if host.state is HostState.REMOVING and seen.lists(host) is False:
                yield Decision(DecisionKind.CONFIRM_GONE, host.name, "it is gone")
        waited = timedelta(seconds=self.settings.queue_timeout)
        for one in seen.queue:
            if self.now - one.created_at > waited:
                yield Decision(DecisionKind.GIVE_UP, one.id, "no room")


def clairvoyant_hours(visits: Sequence[Visit], seconds: int = WEEK) -> float:
    """Hours of small hosts that the demand costs at least: hosts for those who are there now, or a boot later."""
    settings = PoolSettings(**SETTINGS)
    steps = seconds // TICK
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
