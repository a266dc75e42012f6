"""How long a host still serves.

Its age counts from first use: an unused host does not age. But once the pool is unused, its large hosts age all the
same, so that they give way to small ones where these would do.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pool.hosts.counting import counted_hosts
from pool.records import FlavorSize, Host
from pool.settings import PoolSettings
from pool.states import HostState
from pool.timetable import target_at


def remaining(host: Host, settings: PoolSettings, now: datetime, unused_since: datetime | None = None) -> float:
    """Seconds of its lifetime that the host has left; negative past its end.

    Args:
        host: of any state.
        settings: of its pool.
        now: the moment of asking.
        unused_since: when the last session left the pool; None: it has some, or never had any.
    """
    ages_since = [moment for moment in (host.first_used_at, _given_up_on(host, settings, now, unused_since)) if moment]
    if not ages_since:
        return settings.host_lifetime
    return settings.host_lifetime - (now - min(ages_since)).total_seconds()


def takes_sessions(host: Host, settings: PoolSettings, now: datetime, unused_since: datetime | None = None) -> bool:
    """Whether the host can take any, and has enough of its lifetime left to be given a new session at all."""
    enough = remaining(host, settings, now, unused_since) >= settings.host_lifetime_low
    return enough and host.is_fit


def past_hard_limit(host: Host, settings: PoolSettings, now: datetime) -> bool:
    """Whether its lifetime is over for so long that it goes as soon as no session is on it, needed or not."""
    return remaining(host, settings, now) + settings.host_lifetime_extra <= 0


def unused_since(hosts: Iterable[Host]) -> datetime | None:
    """Return since when no session holds room in the pool, or, if none ever did, could have; None while one does."""
    hosts = [*hosts]
    if any(host.reserved for host in hosts):
        return None
    left = [host.idle_since for host in hosts if host.idle_since]
    return max(left) if left else min((host.active_at for host in hosts if host.active_at), default=None)


def is_full(hosts: Iterable[Host], settings: PoolSettings, now: datetime) -> bool:
    """Whether the pool has as many hosts as it may have, so that no new one can relieve an old one."""
    return counted_hosts(hosts, settings.max_hosts, now) >= settings.max_hosts


def may_retire(
    hosts: Sequence[Host], settings: PoolSettings, now: datetime, wanted: int, alone: bool
) -> frozenset[str]:
    """Names of the hosts past their lifetime that the pool can do without: make before break.

    One with sessions on it goes on: in draining it would hold its place, and its free slots would be lost.
    It gets new sessions only where there is no other room, so that it becomes empty.

    An empty one goes once the others have the free slots that are wanted; in a full pool, where no successor can come
    before it goes, once they have one. Past the hard limit it goes anyway, and so does a large one of a full pool that
    no session uses; but not where launches fail. The oldest go first.

    Args:
        hosts: of one pool, in any state.
        settings: of the pool.
        now: the moment of asking.
        wanted: free slots that the pool is to have, with those that waiting sessions need.
        alone: whether its launches fail, so that no successor can be counted on.
    """
    unused, full = unused_since(hosts), is_full(hosts, settings, now)
    serving = [host for host in hosts if _serves(host, settings)]
    over = [host for host in serving if not host.reserved and remaining(host, settings, now, unused) <= 0]
    fresh = [host for host in serving if takes_sessions(host, settings, now, unused)]
    spare = sum(host.free for host in {host.name: host for host in (*over, *fresh)}.values() if host.is_fit)
    enough, gone = 1 if full else wanted, set()
    for host in sorted(over, key=lambda host: (host.first_used_at or host.created_at, host.name)):
        by_disuse = full and remaining(host, settings, now) > 0
        in_the_way = not alone and (by_disuse or past_hard_limit(host, settings, now))
        free = host.free if host.is_fit else 0
        if in_the_way or spare - free >= enough or not free:
            spare -= free
            gone.add(host.name)
    return frozenset(gone)


def _given_up_on(host: Host, settings: PoolSettings, now: datetime, unused: datetime | None) -> datetime | None:
    """Return when an unused large host began to age, where small ones in its place would be cheaper."""
    if unused is None or host.flavor is FlavorSize.SMALL or host.active_at is None:
        return None
    return max(host.active_at, unused) if _small_ones_do(settings, now) else None


def _small_ones_do(settings: PoolSettings, now: datetime) -> bool:
    """Whether small hosts hold the free slots that are wanted for less: else a large one is replaced by its like."""
    wanted = target_at(settings.timetable, settings.free_slot_target, now).slots
    hosts = -(-wanted // settings.slots_small)
    cheaper = max(1, hosts) * settings.slots_small < settings.slots_large
    beside = hosts < settings.max_hosts or hosts == 1  # the large one goes when they are there
    return cheaper and beside and settings.flavor_small != settings.flavor_large


def _serves(host: Host, settings: PoolSettings) -> bool:
    in_reach = host.state is HostState.ACTIVE and host.unreachable_since is None
    return in_reach and host.errors <= settings.max_host_errors
