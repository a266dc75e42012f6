"""The queue: its order, whose turn it is, and how long a session waits. First come, first served."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pool.hosts.lifetime import is_full
from pool.records import Host, Instance
from pool.sessions.placement import candidates, newest_version_first
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState


@dataclass(frozen=True)
class QueueEntry:
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
class Grant:
    """One that may take room now."""

    instance: Instance
    hosts: tuple[str, ...]  # where, best first
    passing: frozenset[str]  # ids of those before it that none of these hosts is any use to


def queued_in_order(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Those that wait for room, first come first.

    One that had room and lost it, because its host failed it, keeps its place: the place is the moment of the request.
    """
    waiting = (instance for instance in instances if instance.state is InstanceState.QUEUED)
    return tuple(sorted(waiting, key=lambda instance: (instance.created_at, instance.id)))


def grants(line: Sequence[QueueEntry], hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> list[Grant]:
    """Everyone whose turn it is, in order.

    No session passes one that has waited longer on a host that the longer-waiting one could use: room on it adds up
    until it is enough. Hosts that are too small for it, or lack its image, go to sessions behind it.

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
    given: list[Grant] = []
    waiting: set[str] = set()
    for entry in line:
        if not any(host.free for host in open_hosts.values()):
            break
        usable = [host for host in open_hosts.values() if entry.could_use(host)]
        if places := entry.places(usable, settings, now, full):
            given.append(Grant(entry.instance, tuple(host.name for host in places), frozenset(waiting)))
            first = places[0]
            open_hosts[first.name] = replace(first, reserved=first.reserved + entry.instance.slots)
        else:
            waiting.add(entry.instance.id)
            open_hosts = {name: host for name, host in open_hosts.items() if not entry.could_use(host)}
    return given


def wait_limit(instance: Instance, settings: PoolSettings) -> int:
    """Seconds that it waits for room: the pool's time limit, or less where its request says so."""
    asked: int = instance.options.get("wait", settings.queue_timeout)
    return min(settings.queue_timeout, asked)


def wait_expired(instance: Instance, settings: PoolSettings, now: datetime) -> bool:
    """Whether its time limit is over."""
    return now >= instance.created_at + timedelta(seconds=wait_limit(instance, settings))
