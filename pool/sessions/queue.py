"""Who waits for room, in which order, whose turn it is, and for how long one waits: first come, first served."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pool.hosts.lifetime import is_full
from pool.records import Host, Instance
from pool.sessions.placement import candidates, newest_version_first
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState


@dataclass(frozen=True)
class Wish:
    """What one that waits needs, beside its slots."""

    instance: Instance
    holders: Sequence[Set[str]]  # names of the hosts that have each version that it may run, best version first
    lifetime: int  # seconds that it may last

    def could_use(self, host: Host) -> bool:
        """Whether room that becomes free on the host is room for it."""
        has_image = any(host.name in names for names in self.holders)
        return has_image and host.slots >= self.instance.slots

    def places(self, hosts: Iterable[Host], settings: PoolSettings, now: datetime, full: bool) -> list[Host]:
        """Where it could go, best first: not where its last attempt failed, if there is another place."""
        avoid = {self.instance.last_host} if self.instance.last_host else set()
        fitting = candidates(hosts, self.instance.slots, now, settings, self.lifetime, avoid=avoid, full=full)
        return newest_version_first(fitting, self.holders, avoid=avoid)


@dataclass(frozen=True)
class Turn:
    """One that may take room now."""

    instance: Instance
    hosts: tuple[str, ...]  # where, best first
    passing: frozenset[str]  # ids of those before it that none of these hosts is any use to


def in_line(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Those that wait for room, first come first.

    One that had room and lost it, because its host failed it, keeps its place: the place is the moment of the request.
    """
    waiting = (instance for instance in instances if instance.state is InstanceState.QUEUED)
    return tuple(sorted(waiting, key=lambda instance: (instance.created_at, instance.id)))


def turns(line: Sequence[Wish], hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> list[Turn]:
    """Everyone whose turn it is, in order.

    Nobody passes one that waits longer on a host that this one could use: room on it adds up until it is enough. Hosts
    that are no use to it, too small for it or without its image, go to those after it.

    Args:
        line: those that wait, in the order of the queue.
        hosts: of the pool, in any state.
        settings: of the pool.
        now: the moment of deciding.
    """
    if settings.shutdown_mode:
        return []
    full = is_full(hosts, settings)
    open_hosts = {host.name: host for host in hosts if host.state is HostState.ACTIVE}
    given: list[Turn] = []
    waiting: set[str] = set()
    for wish in line:
        if not any(host.free for host in open_hosts.values()):
            break
        usable = [host for host in open_hosts.values() if wish.could_use(host)]
        if places := wish.places(usable, settings, now, full):
            given.append(Turn(wish.instance, tuple(host.name for host in places), frozenset(waiting)))
            first = places[0]
            open_hosts[first.name] = replace(first, reserved=first.reserved + wish.instance.slots)
        else:
            waiting.add(wish.instance.id)
            open_hosts = {name: host for name, host in open_hosts.items() if not wish.could_use(host)}
    return given


def patience(instance: Instance, settings: PoolSettings) -> int:
    """Seconds that it waits for room: the pool's time limit, or less where its request says so."""
    asked: int = instance.options.get("wait", settings.queue_timeout)
    return min(settings.queue_timeout, asked)


def waited_out(instance: Instance, settings: PoolSettings, now: datetime) -> bool:
    """Whether its time limit is over."""
    return now >= instance.created_at + timedelta(seconds=patience(instance, settings))
