"""How many hosts to spawn, of which size, and what stands in the way of more."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pool.decisions import Decision, DecisionKind
from pool.hosts.launching import breaker, setback, time_to_active, why_held
from pool.hosts.lifetime import takes_sessions, unused_since
from pool.records import FlavorSize, Headroom, Host, Instance
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState
from pool.timetable import Target, target_ahead


@dataclass(frozen=True)
class Need:
    """The hosts that a pool lacks."""

    hosts: int
    flavor: FlavorSize
    reason: str


@dataclass(frozen=True)
class SpawnLimit:
    """How many hosts may be spawned now, and what says so."""

    hosts: int
    because: str


class Room:
    """Free slots by host, as sizes: which host has them does not matter to how many more are needed."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._sizes = Counter(sizes)

    @property
    def slots(self) -> int:
        """All free slots."""
        return sum(size * count for size, count in self._sizes.items())

    def add(self, size: int) -> None:
        """One more host with so much room."""
        self._sizes[size] += 1

    def take(self, slots: int) -> bool:
        """Put a session where it fits most tightly, or say that it fits nowhere."""
        fitting = min((size for size, count in self._sizes.items() if count and size >= slots), default=None)
        if fitting is None:
            return False
        self._sizes[fitting] -= 1
        self._sizes[fitting - slots] += 1
        return True


def flavor_to_spawn(hosts: Iterable[Host]) -> FlavorSize:
    """Choose large when the pool is in use, small when no session holds room in it."""
    in_use = any(host.reserved for host in hosts if host.state in LIVING_HOSTS)
    return FlavorSize.LARGE if in_use else FlavorSize.SMALL


def room_sizes(hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> list[int]:
    """Free slots of each active host that takes new sessions, and of each host on its way."""
    unused = unused_since(hosts)
    return [
        host.free
        for host in hosts
        if host.state in ON_THEIR_WAY
        or (host.state is HostState.ACTIVE and takes_sessions(host, settings, now, unused))
    ]


def hosts_to_spawn(
    hosts: Sequence[Host],
    settings: PoolSettings,
    now: datetime,
    unrecorded: Sequence[FlavorSize] = (),
    queue: Sequence[Instance] = (),
    headroom: Mapping[FlavorSize, Headroom] | None = None,
) -> list[Decision]:
    """As many hosts as the free slots and the queue need, at once, up to what the pool and its cloud allow.

    Args:
        hosts: of one pool, in any state; of those that are gone, the latest say how launches go.
        settings: of the pool.
        now: the moment of deciding.
        unrecorded: sizes of hosts whose spawning was asked for, but which are not on record yet.
        queue: sessions that wait for room, first come first.
        headroom: what the cloud allows, where it is known.

    Returns:
        One decision for each host to spawn, and one that says what stands in the way of those that have to wait. None
        in shutdown mode.
    """
    if settings.shutdown_mode:
        return []
    need = hosts_needed(hosts, settings, now, unrecorded, queue, headroom or {})
    limits = [*_limits(hosts, settings, now, unrecorded, need, headroom or {})]
    tightest = min(limits, key=lambda limit: limit.hosts)
    spawned = max(0, min(need.hosts, tightest.hosts))
    spawns = [Decision(DecisionKind.SPAWN, settings.name, need.reason, need.flavor)] * spawned
    waits = spawned < need.hosts or breaker(hosts)
    return [*spawns, Decision(DecisionKind.WAIT, settings.name, tightest.because)] if waits else spawns


def hosts_needed(
    hosts: Sequence[Host],
    settings: PoolSettings,
    now: datetime,
    unrecorded: Sequence[FlavorSize],
    queue: Sequence[Instance],
    headroom: Mapping[FlavorSize, Headroom],
) -> Need:
    """Return what the pool needs, whatever its limits: arguments as in :func:`hosts_to_spawn`."""
    room = Room([*room_sizes(hosts, settings, now), *map(settings.slots_of, unrecorded)])
    free, target = room.slots, target_ahead(settings.timetable, settings.free_slot_target, now, time_to_active(hosts))
    waiting = [instance.slots for instance in queue if instance.slots <= settings.largest]
    unplaced = [slots for slots in waiting if not room.take(slots)]
    flavor = _flavor(flavor_to_spawn(hosts), max(unplaced, default=0), settings, headroom)
    number = _hosts_for(unplaced, settings.slots_of(flavor), target.slots - room.slots)
    return Need(number, flavor, _reason(free, target, waiting))


def _flavor(
    usual: FlavorSize, biggest: int, settings: PoolSettings, headroom: Mapping[FlavorSize, Headroom]
) -> FlavorSize:
    """Choose the usual size, or the other one where a queued session does not fit, or the quota has no room for it."""
    other = FlavorSize.SMALL if usual is FlavorSize.LARGE else FlavorSize.LARGE
    fitting = [size for size in (usual, other) if settings.slots_of(size) >= biggest]
    allowed = [size for size in fitting if size not in headroom or headroom[size].hosts > 0]
    return (allowed or fitting)[0]


def _hosts_for(waiting: Iterable[int], size: int, lacking: int) -> int:
    """How many hosts of this size the waiting sessions and the lacking free slots make necessary."""
    room, hosts = Room([]), 0
    for slots in waiting:
        if not room.take(slots):
            room.add(size)
            room.take(slots)
            hosts += 1
    return hosts + max(0, -(-(lacking - room.slots) // size))


def _reason(free: int, target: Target, waiting: Sequence[int]) -> str:
    timetable = f" by the timetable ({target.because})" if target.because else ""
    queue = f", and {sum(waiting)} for {len(waiting)} sessions that wait" if waiting else ""
    return f"{free} free slots now or on their way, {target.slots} wanted{timetable}{queue}"


def _limits(
    hosts: Sequence[Host],
    settings: PoolSettings,
    now: datetime,
    unrecorded: Sequence[FlavorSize],
    need: Need,
    headroom: Mapping[FlavorSize, Headroom],
) -> Iterator[SpawnLimit]:
    """Everything that bounds the number of hosts to spawn now; of equals the first is told."""
    if held := why_held(hosts, now):
        yield SpawnLimit(0, held)
    spawning = [host for host in hosts if host.state is HostState.SPAWNING]
    living = sum(host.state in LIVING_HOSTS for host in hosts) + len(unrecorded)
    yield SpawnLimit(settings.max_hosts - living, f"{living} of at most {settings.max_hosts} hosts are there")
    under_way = len(spawning) + len(unrecorded)
    if need.flavor in headroom:
        unasked = sum(host.server_id is None for host in spawning) + len(unrecorded)
        yield _quota(headroom[need.flavor], unasked, need)
    at_once = 1 if setback(hosts) else settings.max_spawns  # a cloud that failed is tried with one host
    yield SpawnLimit(at_once - under_way, f"{under_way} hosts are being spawned, at most {at_once} at once")


def _quota(headroom: Headroom, unasked: int, need: Need) -> SpawnLimit:
    """Return the cloud's own limit, less the hosts that are requested anyway."""
    left = max(0, headroom.hosts - unasked)
    return SpawnLimit(left, f"quota: {left} of {need.hosts} hosts ({headroom.because})")
