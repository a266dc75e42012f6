"""Hosts that no session uses: which of them leave, the dearest first, and which make way for a larger one."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from pool.hosts.counting import is_undying
from pool.hosts.launching import launches_fail
from pool.hosts.lifetime import takes_sessions, unused_since
from pool.hosts.sizing import KEPT_UNUSED, Situation
from pool.printable import how_many
from pool.records import Host
from pool.states import ON_THEIR_WAY, HostState

AT_ONCE = 8  # hosts that make way in one tick
GOING = frozenset({HostState.DRAINING, HostState.FAILED, HostState.REMOVING})


def hosts_to_let_go(case: Situation) -> Mapping[str, str]:
    """Name the unused hosts that are to leave now, each with the reason; none in shutdown mode, where all leave anyway.

    What stays has the free slots that are wanted now, and that the timetable wants as long as a host would be kept: so
    that none is spawned for what was just let go.
    """
    if case.settings.shutdown_mode:
        return {}
    return dict(_not_needed(case)) or dict(_making_way(case))


def _not_needed(case: Situation) -> Iterator[tuple[str, str]]:
    """Yield those that the pool has more than enough room without, and those that it may no longer have."""
    unused, excess = _unused(case), _excess(case)
    spare = 0 if case.waiting else _serving_slots(case) - case.slots_to_keep
    left = []
    for host in sorted(unused, key=lambda host: (-host.slots, host.name)):
        if host.slots <= spare and (excess > 0 or _seconds_unused(host, case.now) >= KEPT_UNUSED):
            spare, excess = spare - host.slots, excess - 1
            wanted = f"{case.slots_to_keep} wanted, {case.slots_to_keep + spare} free without it"
            yield host.name, f"it is not used, and not needed: {wanted}"
        else:
            left.append(host)
    for host in reversed(left[max(0, len(left) - max(0, excess)) :]):
        yield host.name, f"it is not used, and pool {host.pool} may have {how_many(case.settings.max_hosts, 'host')}"


def _making_way(case: Situation) -> Iterator[tuple[str, str]]:
    """Yield small ones of a full pool, as long as large ones in their places hold more of the demand.

    For free slots alone the pool never gives its last host away, unless it may have but one.
    """
    if case.places > 0 or launches_fail(case.hosts):
        return
    going = sum(_gives_place(host, case.now) for host in case.hosts)
    short = case.mix(case.places + going).shortage
    if not any(short):
        return
    serving = sum(host.free > 0 for host in _serving(case))
    unused = sorted(_unused(case), key=lambda host: (host.slots, host.name))
    for host in unused[:AT_ONCE]:
        without = case.without(host.name)
        then = without.mix(without.places + going).shortage
        last = serving <= 1 < case.settings.max_hosts and then[0] == short[0]
        if then < short and not last and host.slots < case.settings.largest:
            case, short, serving = without, then, serving - 1
            yield host.name, "it is not used, and makes way for a larger host: the pool is full, and lacks room"


def _gives_place(host: Host, now: datetime) -> bool:
    """Whether the host holds a place now that it will give up; one that does not die has given it up already."""
    return host.state in GOING and not host.reserved and not is_undying(host, now)


def _excess(case: Situation) -> int:
    """How many hosts there are too many, beside those that are going anyway."""
    staying = sum(host.state in ON_THEIR_WAY or host.state is HostState.ACTIVE for host in case.hosts)
    return staying + len(case.unrecorded) - case.settings.max_hosts


def _unused(case: Situation) -> list[Host]:
    return [host for host in _serving(case) if not host.reserved and _unused_from(host)]


def _serving(case: Situation) -> list[Host]:
    unused = unused_since(case.hosts)
    active = (host for host in case.hosts if host.state is HostState.ACTIVE and not host.becomes_image)
    return [host for host in active if takes_sessions(host, case.settings, case.now, unused)]


def _serving_slots(case: Situation) -> int:
    return sum(host.free for host in _serving(case))


def _unused_from(host: Host) -> datetime | None:
    return max(filter(None, (host.active_at, host.idle_since)), default=None)


def _seconds_unused(host: Host, now: datetime) -> float:
    since = _unused_from(host)
    return (now - since).total_seconds() if since else 0
