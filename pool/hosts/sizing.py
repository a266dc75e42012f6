"""How many hosts to spawn, of which sizes, and what stands in the way of more."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from pool.courses.course import Course, slots_to_come
from pool.decisions import Decision, DecisionKind
from pool.errors import BadRequest
from pool.hosts.counting import counted_hosts
from pool.hosts.launching import breaker_words, lead, setback, why_held
from pool.hosts.lifetime import takes_sessions, unused_since
from pool.hosts.mix import Demand, Mix, Quota, Room, best_mix, mixed
from pool.hosts.reach import reach_troubles
from pool.printable import how_many
from pool.records import FlavorSize, Headroom, Host, Instance
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState
from pool.timetable import Target, largest_target

KEPT_UNUSED = 900  # seconds that an unused host stays though it is not needed: twice what a boot takes, or more


@dataclass(frozen=True)
class Situation:
    """What the number of hosts is decided by."""

    hosts: Sequence[Host]  # of one pool, in any state; of those that are gone, the latest say how launches go
    settings: PoolSettings
    now: datetime
    unrecorded: Sequence[FlavorSize] = ()  # sizes of hosts whose spawning was asked for, and that are not on record yet
    queue: Sequence[Instance] = ()  # sessions that wait for room, first come first
    headroom: Mapping[FlavorSize, Headroom] = field(default_factory=dict)  # what the cloud allows, where it is known
    courses: Sequence[Course] = ()  # of the pool
    sessions: Sequence[Instance] = ()  # of the pool, by which it is known what courses still miss

    @cached_property
    def target(self) -> Target:
        """Free slots that are wanted by the time that a host spawned now is there."""
        return self._largest(self.now, self.now + lead(self.hosts))

    @cached_property
    def slots_to_keep(self) -> int:
        """Free slots below which no host is let go: those that were wanted lately, are wanted, or will be soon.

        Lately and soon are as long as an unused host is kept. A line of the timetable may end when the class begins,
        and its users come in the minutes after that.
        """
        kept = timedelta(seconds=KEPT_UNUSED)
        since, until = self.now - kept, self.now + lead(self.hosts) + kept
        return self._largest(since, until).slots + sum(slots_to_come(self.courses, self.sessions, since, until))

    @cached_property
    def for_courses(self) -> tuple[int, ...]:
        """Slots of each session that courses may still begin when a host that is spawned now is there."""
        coming = slots_to_come(self.courses, self.sessions, self.now, self.now + lead(self.hosts))
        return tuple(slots for slots in coming if slots <= self.settings.largest)

    def _largest(self, since: datetime, until: datetime) -> Target:
        return largest_target(self.settings.timetable, self.settings.free_slot_target, since, until)

    def without(self, name: str) -> Self:
        """The same without one of the hosts: its place is free."""
        return replace(self, hosts=[host for host in self.hosts if host.name != name])

    @cached_property
    def waiting(self) -> tuple[int, ...]:
        """Slots of each session that waits, and that a host can be large enough for."""
        return tuple(one.slots for one in self.queue if one.slots <= self.settings.largest)

    @property
    def living(self) -> int:
        """Hosts that count against ``DD_MAX_HOSTS``."""
        return counted_hosts(self.hosts, self.settings.max_hosts, self.now) + len(self.unrecorded)

    @property
    def places(self) -> int:
        """How many more hosts the pool may have."""
        return self.settings.max_hosts - self.living

    def room(self) -> Room:
        """Free slots now or on their way."""
        coming = map(self.settings.slots_of, self.unrecorded)
        return Room([*room_sizes(self.hosts, self.settings, self.now), *coming])

    def demand(self) -> Demand:
        """What this room does not hold."""
        room = self.room()
        sessions = self.for_courses + self.waiting
        unplaced = tuple(slots for slots in sessions if not room.take(slots))
        rush = sum(sessions) > self.settings.slots_small
        return Demand(unplaced, self.target.slots - room.slots, rush)

    def mix(self, places: int, quota: bool = True) -> Mix:
        """Choose the hosts that the pool lacks, in so many places; with or without regard to the cloud's quota."""
        usual = flavor_to_spawn(self.hosts, self.settings.large_from)
        return best_mix(self.demand(), usual, self.settings, places, self._quota if quota else Quota({}))

    @property
    def _quota(self) -> Quota:
        spawning = [host for host in self.hosts if host.state is HostState.SPAWNING and host.server_id is None]
        return Quota(self.headroom, (*(host.flavor for host in spawning), *self.unrecorded))


def check_flavor(flavor: str) -> FlavorSize | None:
    """Return the size of host that an operator asks for; None: the rule is to choose.

    Raises:
        BadRequest: "flavor 'medium' is no size of host: it is small or large, or empty for what the pool needs".
    """
    if flavor and flavor not in [*FlavorSize]:
        raise BadRequest(
            f"flavor {flavor!r:.80} is no size of host: it is small or large, or empty for what the pool needs"
        )
    return FlavorSize(flavor) if flavor else None


def flavor_to_spawn(hosts: Iterable[Host], large_from: int = 1) -> FlavorSize:
    """Choose large when sessions hold so many slots of the pool, or more; else small."""
    in_use = sum(host.reserved for host in hosts if host.state in LIVING_HOSTS)
    return FlavorSize.LARGE if in_use >= large_from else FlavorSize.SMALL


def room_sizes(hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> list[int]:
    """Free slots of each active host that takes new sessions, and of each host on its way."""
    unused = unused_since(hosts)
    return [
        host.free
        for host in hosts
        if host.state in ON_THEIR_WAY
        or (host.state is HostState.ACTIVE and takes_sessions(host, settings, now, unused))
    ]


def hosts_to_spawn(case: Situation) -> list[Decision]:
    """As many hosts as the free slots and the queue need, at once, up to what the pool and its cloud allow.

    Returns:
        One decision for each host to spawn, the large ones first, and one that says what stands in the way of those
        that have to wait. None in shutdown mode.
    """
    if case.settings.shutdown_mode:
        return []
    mix = case.mix(case.places)
    limit = _limit_now(case)
    sizes = mix.sizes[: limit.hosts]
    reason = _reason(case)
    spawns = [Decision(DecisionKind.SPAWN, case.settings.name, reason, size) for size in sizes]
    why = limit.because if len(sizes) < len(mix.sizes) else _why_short(case, mix)
    why = (why and why_held(case.hosts, case.now)) or why or breaker_words(case.hosts, case.now)
    return [*spawns, Decision(DecisionKind.WAIT, case.settings.name, why)] if why else spawns


@dataclass(frozen=True)
class SpawnLimit:
    """How many hosts may be spawned now, and what says so."""

    hosts: int
    because: str


def _limit_now(case: Situation) -> SpawnLimit:
    """How many hosts may be spawned at this moment, however many are wanted."""
    if held := why_held(case.hosts, case.now):
        return SpawnLimit(0, held)
    if words := breaker_words(case.hosts, case.now):  # half-open: one host is tried, until it is active or fails
        trying = sum(host.state in ON_THEIR_WAY for host in case.hosts) + len(case.unrecorded)
        return SpawnLimit(max(0, 1 - trying), words)
    under_way = sum(host.state is HostState.SPAWNING for host in case.hosts) + len(case.unrecorded)
    # A cloud that failed is tried with one host, and so is a network behind which many hosts are out of reach.
    at_once = 1 if setback(case.hosts) or reach_troubles(case.hosts) else case.settings.max_spawns
    because = f"{how_many(under_way, 'host is', 'hosts are')} being spawned, at most {at_once} at once"
    return SpawnLimit(max(0, at_once - under_way), because)


def _why_short(case: Situation, mix: Mix) -> str:
    """What stands in the way of holding the whole demand; empty: nothing."""
    if not any(mix.shortage):
        return ""
    if len(mix.sizes) >= case.places:
        are = "is" if case.living == 1 else "are"
        return f"{case.living} of at most {how_many(case.settings.max_hosts, 'host')} {are} there"
    wanted = case.mix(case.places, quota=False).sizes
    because = "; ".join(dict.fromkeys(case.headroom[size].because for size in wanted if size in case.headroom))
    return f"quota: {mixed(mix.sizes) or 'no'} instead of {mixed(wanted)} hosts ({because})"


def _reason(case: Situation) -> str:
    target, waiting = case.target, case.waiting
    timetable = f" by the timetable ({target.because})" if target.because else ""
    courses = f", and {sum(case.for_courses)} reserved for courses" if case.for_courses else ""
    queue = f", and {sum(waiting)} for {_waiting(len(waiting))}" if waiting else ""
    free = how_many(case.room().slots, "free slot")
    return f"{free} now or on their way, {target.slots} wanted{timetable}{courses}{queue}"


def _waiting(number: int) -> str:
    return f"{how_many(number, 'session')} that {'waits' if number == 1 else 'wait'}"
