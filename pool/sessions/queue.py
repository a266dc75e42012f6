"""The queue: its order, whose turn it is, and how long a session waits. First come, first served."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from pool.courses.reserving import KeptRoom
from pool.hosts.launching import launches_fail, time_to_active
from pool.hosts.lifetime import is_full
from pool.moments import LONGEST_SPAN, after
from pool.records import Host, Instance
from pool.sessions.placement import candidates, may_take, newest_version_first
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState


@dataclass(frozen=True)
class QueueEntry:
    """What one that waits needs, beside its slots."""

    instance: Instance
    holders: Sequence[Set[str]]  # names of the hosts that have each version that it may run, best version first
    lifetime: int  # seconds that it may last

    @property
    def seconds(self) -> int:
        """How long it may last, by its request."""
        asked: int = self.instance.options.get("lifetime", self.lifetime)
        return min(self.lifetime, asked)

    def could_use(self, host: Host) -> bool:
        """Whether room that becomes free on the host is room for it."""
        has_image = any(host.name in names for names in self.holders)
        return has_image and host.slots >= self.instance.slots

    def places(self, hosts: Iterable[Host], settings: PoolSettings, now: datetime, old_too: bool) -> list[Host]:
        """Where it could go, best first: not where its last attempt failed, if there is another place."""
        avoid = {self.instance.last_host} if self.instance.last_host else set()
        fitting = candidates(hosts, self.instance.slots, now, settings, self.seconds, avoid=avoid, old_too=old_too)
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


class _OpenRoom:
    """The room that is given out, as it is after each session. A host without free slots is in it no more."""

    def __init__(self, hosts: Iterable[Host], settings: PoolSettings, now: datetime, kept: KeptRoom) -> None:
        self._hosts = {host.name: host for host in hosts if host.state is HostState.ACTIVE and host.free}
        self._settings, self._now, self._kept = settings, now, kept
        self._course = ""  # of the session that was looked at last
        self._need: object = None  # of the same one
        self._places: tuple[str, ...] = ()  # names of hosts for one that needs the same, best first

    @property
    def is_left(self) -> bool:
        """Whether any host has free slots."""
        return bool(self._hosts)

    def has_place_for(self, entry: QueueEntry, old_too: bool) -> bool:
        """Whether there is a place; all hosts are looked at only where this one needs another than the one before."""
        instance, self._course = entry.instance, self._kept.course_of(entry.instance)
        need = (entry.holders, instance.slots, instance.last_host, entry.seconds, old_too, self._course)
        if need != self._need or not self._places:
            places = entry.places(self._usable(entry, old_too).values(), self._settings, self._now, old_too)
            self._need, self._places = need, tuple(host.name for host in places)
        return bool(self._places)

    def give_to(self, session: Instance) -> tuple[str, ...]:
        """Give the best place to the session that was looked at; names of all places that it may have, best first.

        The host is the fullest of its kind by then, and so the best place for the next one that needs the same.
        """
        names = self._places
        host = self._kept.used(self._hosts[names[0]], self._course, session.slots)
        self._put(host)
        if self._kept.as_seen(host, self._course).free < session.slots:
            self._places = names[1:]
        return names

    def close_for(self, entry: QueueEntry, old_too: bool) -> None:
        """Keep what the session that was looked at could use for it alone."""
        for name in self._usable(entry, old_too):
            self._put(self._kept.closed(self._hosts[name], self._course))

    def _put(self, host: Host) -> None:
        if host.free:
            self._hosts[host.name] = host
        else:
            del self._hosts[host.name]

    def _usable(self, entry: QueueEntry, old_too: bool) -> dict[str, Host]:
        return {
            name: self._kept.as_seen(host, self._course)
            for name, host in self._hosts.items()
            if entry.could_use(host) and may_take(host, self._now, self._settings, entry.seconds, old_too)
        }


def grants(
    line: Sequence[QueueEntry],
    hosts: Sequence[Host],
    settings: PoolSettings,
    now: datetime,
    kept: KeptRoom | None = None,
) -> list[Grant]:
    """Everyone whose turn it is, in order.

    No session passes one that has waited longer on a host that the longer-waiting one could use: room on it adds up
    until it is enough. Hosts that are too small for it, or lack its image, go to sessions behind it; so do those that
    end too soon for it, for as long as another one can come and it waits for no longer than a boot takes. Room that is
    kept for a course is room for its sessions alone: they pass others that wait.

    Args:
        line: those that wait, in the order of the queue.
        hosts: of the pool, in any state; those that failed lately say whether new ones come.
        settings: of the pool.
        now: the moment of deciding.
        kept: room that is kept for courses; what is given is noted in it. None: for none.
    """
    if settings.shutdown_mode:
        return []
    kept = kept or KeptRoom()
    boot, none_comes = time_to_active(hosts), no_host_comes(hosts, settings, now)
    room = _OpenRoom(hosts, settings, now, kept)
    given: list[Grant] = []
    waiting: set[str] = set()
    for entry in line:
        if not room.is_left:
            break
        old_too = none_comes or now >= takes_old_from(entry.instance, boot, settings)
        if room.has_place_for(entry, old_too):
            given.append(Grant(entry.instance, room.give_to(entry.instance), frozenset(waiting)))
        else:
            waiting.add(entry.instance.id)
            room.close_for(entry, old_too)
    return given


def no_host_comes(hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> bool:
    """Whether no new host can come at present: the pool is full, or its launches fail."""
    return is_full(hosts, settings, now) or launches_fail(hosts)


def takes_old_from(instance: Instance, boot: timedelta, settings: PoolSettings) -> datetime:
    """When it has waited for as long as a boot takes, and goes to a host near its end, too."""
    return instance.created_at + min(boot, _patience(instance, settings))


def _patience(instance: Instance, settings: PoolSettings) -> timedelta:
    """Half of the time that it may wait: one that waits less than a boot takes has a place before it is given up."""
    return timedelta(seconds=wait_limit(instance, settings) / 2)


def wait_limit(instance: Instance, settings: PoolSettings) -> int:
    """Seconds that it waits for room: the pool's time limit, or less where its request says so.

    One that takes its work to another host has begun long ago: its request did not speak of this wait.
    """
    asked: int = settings.queue_timeout if instance.carried else instance.options.get("wait", settings.queue_timeout)
    return min(settings.queue_timeout, asked, LONGEST_SPAN)


def wait_expired(instance: Instance, settings: PoolSettings, now: datetime) -> bool:
    """Whether its time limit is over; one that had room and lost it waits anew, in its old place."""
    return now >= after(instance.state_since, wait_limit(instance, settings))
