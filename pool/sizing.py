"""How many hosts to spawn, and of which size."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil

from pool.decisions import Decision, DecisionKind
from pool.lifetime import takes_sessions
from pool.records import FlavorSize, Host
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, HostState

ON_THEIR_WAY = frozenset({HostState.SPAWNING, HostState.CONFIGURING})


def flavor_to_spawn(hosts: Iterable[Host]) -> FlavorSize:
    """Large when the pool is in use, small when nobody holds room in it."""
    in_use = any(host.reserved for host in hosts if host.state in LIVING_HOSTS)
    return FlavorSize.LARGE if in_use else FlavorSize.SMALL


def projected_free_slots(hosts: Iterable[Host], settings: PoolSettings, now: datetime) -> int:
    """Free slots on active hosts that take new sessions, and those of hosts on their way."""
    return sum(
        host.free
        for host in hosts
        if host.state in ON_THEIR_WAY or (host.state is HostState.ACTIVE and takes_sessions(host, settings, now))
    )


def hosts_to_spawn(
    hosts: Sequence[Host], settings: PoolSettings, now: datetime, unrecorded: Sequence[FlavorSize] = ()
) -> list[Decision]:
    """As many hosts as the free slots need, at once, up to the most that the pool may have.

    Args:
        hosts: of one pool, in any state.
        settings: of the pool.
        now: the moment of deciding.
        unrecorded: sizes of hosts whose spawning was asked for, but which are not on record yet.

    Returns:
        One decision for each host to spawn; none in shutdown mode.
    """
    if settings.shutdown_mode:
        return []
    coming = sum(settings.slots_of(flavor) for flavor in unrecorded)
    free = projected_free_slots(hosts, settings, now) + coming
    flavor = flavor_to_spawn(hosts)
    needed = ceil(max(0, settings.free_slot_target - free) / settings.slots_of(flavor))
    allowed = settings.max_hosts - sum(host.state in LIVING_HOSTS for host in hosts) - len(unrecorded)
    reason = f"{free} free slots now or on their way, {settings.free_slot_target} wanted"
    return [Decision(DecisionKind.SPAWN, settings.name, reason, flavor)] * max(0, min(needed, allowed))
