"""How long queued sessions will wait: an estimate, never a promise."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pool.hosts.counting import counted_hosts
from pool.hosts.launching import time_to_active
from pool.hosts.lifetime import remaining, takes_sessions
from pool.hosts.sizing import flavor_to_spawn
from pool.moments import after
from pool.printable import how_many
from pool.records import Host, Instance
from pool.sessions.placement import candidates
from pool.sessions.queue import no_host_comes, takes_old_from, wait_limit
from pool.settings import PoolSettings
from pool.states import HOLDING_ROOM, ON_THEIR_WAY


@dataclass(frozen=True)
class QueuePosition:
    """Where one stands in the queue."""

    position: int  # 1 is the next
    estimate: int | None  # seconds until it gets room; None: not known, or not before its wait limit
    notice: str = ""  # what else it could have, for its platform


@dataclass(frozen=True)
class _Choice:
    """A place on a host near its end, which it takes once it has waited for a new one for as long as a boot takes."""

    host: Host
    since: datetime

    def words(self, settings: PoolSettings, now: datetime) -> str:
        """Say what it waits for, and how to have the other; in moments, for it is read some time later."""
        end = after(now, round(remaining(self.host, settings, now)))
        return (
            f"it waits for a new host until {self.since:%H:%M} UTC, and then goes to {self.host.name}, which has"
            f" {how_many(self.host.free, 'free slot')}: its lifetime ends at {end:%H:%M} UTC, and its sessions go on;"
            " a new request with the option wait: 0 starts there at once"
        )


@dataclass(frozen=True)
class _Gain:
    """Room that will come."""

    after: float  # seconds from now
    host: str
    slots: int


def queue_positions(
    line: Sequence[Instance], hosts: Sequence[Host], sessions: Iterable[Instance], settings: PoolSettings, now: datetime
) -> dict[str, QueuePosition]:
    """Where each one in the queue stands.

    Room comes from hosts on their way, from those that the pool may still spawn, and from sessions whose time ends.
    That a user may end one earlier is not known. While hosts may come at an unknown time, there is no estimate.

    Args:
        line: the queue, the next one first.
        hosts: of the pool, in any state.
        sessions: of the pool that have not ended.
        settings: of the pool.
        now: the moment of estimating.
    """
    waits = _waits(line, hosts, sessions, settings, now) if line else {}
    choices = _choices(line, hosts, settings, now)
    return {
        one.id: _position(one, place, waits.get(one.id), choices.get(one.id), settings, now)
        for place, one in enumerate(line, start=1)
    }


def _position(
    instance: Instance, place: int, wait: int | None, choice: _Choice | None, settings: PoolSettings, now: datetime
) -> QueuePosition:
    """Return its position; without an estimate, but with a notice, where no room is expected within its wait limit."""
    notice = choice.words(settings, now) if choice else ""
    if choice:
        takes_old = max(0, round((choice.since - now).total_seconds()))
        wait = takes_old if wait is None else min(wait, takes_old)
    until = after(instance.state_since, wait_limit(instance, settings))
    if wait is None or until <= now or after(now, wait) < until:
        return QueuePosition(place, wait, notice)
    late = f"no room is expected before {until:%H:%M} UTC, when its wait is over, unless a session ends early"
    return QueuePosition(place, None, "; ".join(filter(None, (late, notice))))


def _choices(
    line: Sequence[Instance], hosts: Sequence[Host], settings: PoolSettings, now: datetime
) -> dict[str, _Choice]:
    """Find those that wait for a new host though slots are free on one that is near its end: each has its own there."""
    if not line or no_host_comes(hosts, settings, now):
        return {}
    usable = candidates(hosts, 1, now, settings, 0, old_too=True)
    old = [host for host in usable if not takes_sessions(host, settings, now)]
    free, boot, found = {host.name: host.free for host in old}, time_to_active(hosts), dict[str, _Choice]()
    for one in line:
        if host := next((host for host in old if free[host.name] >= one.slots), None):
            free[host.name] -= one.slots
            found[one.id] = _Choice(host, takes_old_from(one, boot, settings))
    return found


def _waits(
    line: Sequence[Instance], hosts: Sequence[Host], sessions: Iterable[Instance], settings: PoolSettings, now: datetime
) -> dict[str, int]:
    serving = candidates(hosts, 0, now, settings, lifetime=0, old_too=no_host_comes(hosts, settings, now))
    usable = {host.name: host.free for host in serving}
    gains = [_Gain(0, name, slots) for name, slots in usable.items()]
    coming = _coming(hosts, settings, now)
    if coming is not None:
        gains += [*coming, *_endings(sessions, usable, now)]
    return _served(line, sorted(gains, key=lambda gain: gain.after))


def _coming(hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> list[_Gain] | None:
    """Room of hosts that are spawned, or will be; None when there are such and their launch time is not known."""
    if settings.shutdown_mode:
        return []
    on_their_way = [host for host in hosts if host.state in ON_THEIR_WAY]
    more = max(0, settings.max_hosts - counted_hosts(hosts, settings.max_hosts, now))
    if not on_their_way and not more:
        return []
    if not any(host.active_at for host in hosts):
        return None
    takes = time_to_active(hosts).total_seconds()
    slots = settings.slots_of(flavor_to_spawn(hosts, settings.large_from))
    soon = [_Gain(max(0, takes - (now - h.created_at).total_seconds()), h.name, h.slots) for h in on_their_way]
    return soon + [_Gain(takes, f"new host {number}", slots) for number in range(more)]


def _endings(sessions: Iterable[Instance], usable: Iterable[str], now: datetime) -> list[_Gain]:
    names = set(usable)
    return [
        _Gain(max(0, (one.expires_at - now).total_seconds()), one.host, one.slots)
        for one in sessions
        if one.state in HOLDING_ROOM and one.host and one.host in names and one.expires_at
    ]


def _served(line: Sequence[Instance], gains: Iterable[_Gain]) -> dict[str, int]:
    """When each gets room, if the one at the head always takes the first room that is enough for it."""
    pending, free, waits = deque(line), dict[str, int](), dict[str, int]()
    for gain in gains:
        free[gain.host] = free.get(gain.host, 0) + gain.slots
        least = pending[0].slots  # so much only this host may have: else it would have been given before
        place = gain.host if free[gain.host] >= least else None
        while place is not None:
            free[place] -= pending[0].slots
            waits[pending.popleft().id] = round(gain.after)
            if not pending:
                return waits
            needed = pending[0].slots
            where = free if needed < least else [gain.host]
            place = next((name for name in where if free[name] >= needed), None)
    return waits
