"""What one tick saw of a pool, and what every rule is given beside the thing that it looks at."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from heapq import nlargest
from operator import attrgetter

from pool.backups.backup import Backup
from pool.courses.course import Course, reserved_words, slots_to_come
from pool.hosts.launching import launches_fail
from pool.hosts.lifetime import may_retire, unused_since
from pool.hosts.reach import PROBED, many_silent
from pool.hosts.setup_again import to_configure_again
from pool.housekeeping.found import ContainerOutcome, HostDisk, Orphan, Probe, SeenContainer
from pool.housekeeping.orphans import CloudPart
from pool.housekeeping.under_way import longest_attempt
from pool.records import FlavorSize, Headroom, Host, Instance
from pool.sessions.admission import no_room
from pool.sessions.queue import queued_in_order
from pool.settings import PoolSettings
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import Standby
from pool.states import HostState, InstanceState
from pool.timetable import target_at


@dataclass(frozen=True)
class Observation:
    """One look at one pool.

    Read the records first and ask the cloud afterwards: a server that a record speaks of then either is in the list or
    is gone.
    """

    hosts: tuple[Host, ...]  # in any state; removed ones too, so that a server that came late is noticed
    instances: tuple[Instance, ...]  # that have not ended
    servers: Set[str] | None  # names of the hosts whose servers the cloud lists; None: it could not be asked
    probes: Mapping[str, Probe] = field(default_factory=dict)  # host: what its engine said; none: it was not asked
    ended: Set[str] = frozenset()  # ids of sessions that are over, and whose containers were seen
    disks: Mapping[str, HostDisk] = field(default_factory=dict)  # host: its disk; none: it was not looked at
    told_of_disk: Set[str] = frozenset()  # instances of which it was said a while ago that they fill a disk
    told_of_memory: Set[str] = frozenset()  # instances of which it was said a moment ago that they lack memory
    parts: tuple[CloudPart, ...] | None = None  # of this pool, or of none that there is; None: not known
    living: Mapping[str, Host] = field(default_factory=dict)  # hosts of all pools that are not removed, by name
    orphans: Mapping[str, Orphan] = field(default_factory=dict)  # those that an earlier tick reported
    busy_hosts: Set[str] = frozenset()  # that a flow run spawns, configures or removes now
    busy_instances: Set[str] = frozenset()  # that a flow run provisions, deprovisions or backs up now
    watched_since: datetime | None = None  # when the gateway began to note who is used; None: it could not be asked
    last_used: Mapping[str, datetime] = field(default_factory=dict)  # instance: last request or traffic of a browser
    unreadable: Mapping[str, str] = field(default_factory=dict)  # blueprints of queued sessions: why they are that
    unrecorded_spawns: tuple[FlavorSize, ...] = ()  # spawn runs that have not recorded their host yet
    headroom: Mapping[FlavorSize, Headroom] = field(default_factory=dict)  # what the cloud allows, where it is known
    backups: tuple[Backup, ...] = ()  # of sessions with a schedule, and of those that end
    standbys: tuple[Standby, ...] = ()  # that hold room, and those that failed lately
    specs: Mapping[str, StandbySpec] = field(default_factory=dict)  # by blueprint, of those that want standbys
    mute: Set[str] = frozenset()  # ids of standbys that are ready, and did not answer HTTP
    courses: tuple[Course, ...] = ()  # of the pool, those that can be read
    started: Set[str] = frozenset()  # ids of sessions that classes start with, and that are on record in any state
    asked_to_start: Set[str] = frozenset()  # courses whose sessions were asked for a moment ago
    cancelled: Set[str] = frozenset()  # ids of queued sessions whose start was cancelled
    cut_off_lately: bool = False  # many hosts were out of reach at once, in one of the latest ticks

    @cached_property
    def queue(self) -> tuple[Instance, ...]:
        """Those that wait for room, the next one first."""
        return queued_in_order(self.instances)

    def backups_of(self, instance: Instance) -> list[Backup]:
        """The backups of one session, in any state."""
        return self._backups_by_instance.get(instance.id, [])

    @cached_property
    def _backups_by_instance(self) -> Mapping[str, list[Backup]]:
        """All of them, sorted once: a pool may have twenty thousand sessions with ten backups each."""
        found: dict[str, list[Backup]] = {}
        for backup in self.backups:
            found.setdefault(backup.instance, []).append(backup)
        return found

    @cached_property
    def containers(self) -> Mapping[str, Mapping[str, SeenContainer]]:
        """Containers by host and name; a host whose engine did not answer is not in it."""
        return {host: probe.by_name() for host, probe in self.probes.items() if probe.answers}

    def answers(self, host: str) -> bool | None:
        """Whether the host's engine answers; None when it was not asked."""
        return self.probes[host].answers if host in self.probes else None

    @cached_property
    def silent(self) -> tuple[int, int]:
        """How many hosts of those that were asked do not answer, and how many were asked."""
        probed = (self.answers(host.name) for host in self.hosts if host.state in PROBED)
        asked = [answers for answers in probed if answers is not None]
        return asked.count(False), len(asked)

    def outcome_of(self, instance: Instance | Standby) -> ContainerOutcome:
        """Return what became of the container of a session, or of a standby, on its host."""
        if instance.host is None or instance.host not in self.containers:
            return ContainerOutcome.UNKNOWN
        container = self.container_of(instance)
        return container.outcome if container else ContainerOutcome.GONE

    def container_of(self, instance: Instance | Standby) -> SeenContainer | None:
        """The container of one as the engine of its host listed it; None when it was not there, or not seen."""
        return self.containers.get(instance.host, {}).get(instance.container) if instance.host else None

    @cached_property
    def leaving(self) -> Set[str]:
        """Removed hosts whose server is listed all the same, and so is deleted again, with all that came with it."""
        listed = self.servers or frozenset()
        return {host.name for host in self.hosts if host.state is HostState.REMOVED and host.name in listed}

    def lists(self, host: Host) -> bool | None:
        """Whether the cloud lists the host's server; None when it could not be asked."""
        return None if self.servers is None else host.name in self.servers


@dataclass(frozen=True)
class RuleContext:
    """What every rule is given beside the thing it looks at."""

    seen: Observation
    settings: PoolSettings
    now: datetime

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """The hosts by name: a thousand of them may have twenty thousand sessions."""
        return {host.name: host for host in self.seen.hosts}

    def host_of(self, instance: Instance) -> Host | None:
        """The host that the instance holds room on."""
        return self.hosts.get(instance.host) if instance.host else None

    def most_free_beside(self, host: Host) -> int:
        """The most free slots that any other active host has; 0: there is none."""
        return next((one.free for one in self._roomiest if one.name != host.name), 0)

    @cached_property
    def _roomiest(self) -> list[Host]:
        """The two of them: no rule about one session looks at all hosts."""
        return nlargest(2, (host for host in self.seen.hosts if host.state is HostState.ACTIVE), key=attrgetter("free"))

    @cached_property
    def refusal(self) -> Callable[[int], str]:
        """Says why there is no room for so many slots: the same words for hundreds that wait, found once."""
        reserved = reserved_words(self.seen.courses, self.seen.instances, self.now)
        return cache(lambda slots: str(no_room(self.settings, self.seen.hosts, slots, reserved)))

    @cached_property
    def unused_since(self) -> datetime | None:
        """Return since when no session holds room in the pool; None while one does."""
        return unused_since(self.seen.hosts)

    @property
    def cut_off(self) -> bool:
        """Whether so many hosts are out of reach at once that it is no fault of theirs."""
        return many_silent(*self.seen.silent)

    @cached_property
    def may_retire(self) -> frozenset[str]:
        """Names of the hosts past their lifetime that the pool can do without."""
        target = target_at(self.settings.timetable, self.settings.free_slot_target, self.now).slots
        reserved = sum(slots_to_come(self.seen.courses, self.seen.instances, self.now, self.now))
        wanted = target + reserved + sum(instance.slots for instance in self.seen.queue)
        return may_retire(self.seen.hosts, self.settings, self.now, wanted, launches_fail(self.seen.hosts))

    @cached_property
    def to_configure_again(self) -> frozenset[str]:
        """Names of hosts whose setup is to follow the pool's settings now."""
        return to_configure_again(self.seen.hosts, self.settings, self.seen.busy_hosts, self.now)

    def seconds_in_state(self, thing: Host | Instance) -> float:
        """How long it has been in its state."""
        return (self.now - thing.state_since).total_seconds()

    def overdue(self, instance: Instance) -> bool:
        """Whether no flow run works on it and it should long have left its state."""
        idle = instance.id not in self.seen.busy_instances
        stopping = instance.state is InstanceState.STOPPING
        starting = max(self.settings.start_timeout, longest_attempt(instance.start_timeout))
        if instance.carried:
            starting += self.settings.backup_wait  # for a repository that is away
        limit = self.settings.stop_timeout if stopping else starting
        return idle and self.seconds_in_state(instance) > limit
