"""Where SQL and what is found outside differ, and what follows: by tables, one for each pair of truths.

SQL says what should be; the cloud, the engines and the gateway say what is. What cannot be seen is unknown, never gone.
What carries our mark and has no living record is reported by one tick and removed by a later one; what carries no mark
of ours is never even listed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.found import Fate, SeenContainer
from pool.housekeeping.observation import Case, Observation
from pool.housekeeping.strays import orphans
from pool.records import Host, Instance
from pool.states import HostState, InstanceState

PROBED = frozenset({HostState.ACTIVE, HostState.DRAINING})
REPAIR_PAUSE = 3600  # seconds between two tries to put a host right by configuring it again
CLOCK_TOLERANCE = 120  # seconds that a host's clock may be off


@dataclass(frozen=True)
class Follows:
    """What follows from one combination."""

    kind: DecisionKind | None  # None: nothing is decided
    reason: str = ""  # of the decision; "{host}", "{code}" are filled in
    why: str = ""  # for the reader of the table


# A session that runs in SQL, against its container on the engine of its host

RUNNING_SESSION: Mapping[Fate, Follows] = {
    Fate.RUNS: Follows(None),
    Fate.SHUT_DOWN: Follows(DecisionKind.SHUT_DOWN, "its user shut it down", "ended like any other, its room is freed"),
    Fate.FAILED: Follows(DecisionKind.LOST_CONTAINER, "its container on {host} ended with exit code {code}"),
    Fate.OUT_OF_MEMORY: Follows(DecisionKind.LOST_CONTAINER, "its container on {host} ran out of memory"),
    Fate.STOPPED_WITH_ENGINE: Follows(
        DecisionKind.START_AGAIN,
        "its host {host} rebooted",
        "its files are still there; a container that crashed with its host is started by the engine itself",
    ),
    Fate.GONE: Follows(DecisionKind.LOST_CONTAINER, "its container was removed from {host}"),
    Fate.UNKNOWN: Follows(None, why="unknown is not gone; what an unreachable host leads to, see below"),
}


def container_lost(instance: Instance, case: Case) -> Decision | None:
    """A session whose container does not run any more has ended, and says how."""
    if instance.state is not InstanceState.RUNNING or instance.id in case.seen.busy_instances:
        return None
    follows = RUNNING_SESSION[case.seen.fate_of(instance)]
    if follows.kind is None:
        return None
    found = case.seen.container_of(instance)
    reason = follows.reason.format(host=instance.host, code=found and found.exit_code)
    return Decision(follows.kind, instance.id, reason)


def short_of_memory(instance: Instance, case: Case) -> Decision | None:
    """A session in which a process was killed for memory goes on, and it is said: most often its kernel died."""
    probe = case.seen.probes.get(instance.host) if instance.host else None
    if instance.state is not InstanceState.RUNNING or not probe or instance.id in case.seen.told_of_memory:
        return None
    if instance.id not in probe.out_of_memory:
        return None
    reason = "out of memory: a process in it was killed, most likely a kernel; the session goes on"
    return Decision(DecisionKind.OUT_OF_MEMORY, instance.id, reason)


# A container that carries our label, against the records of sessions


class Owner(StrEnum):
    """What SQL says of the session that a container's label names."""

    HERE = "lives on this host"
    ELSEWHERE = "lives, but not on this host"
    ENDED = "has ended"
    NONE = "is not known"


STRAY_CONTAINER: Mapping[Owner, Follows] = {
    Owner.HERE: Follows(None),
    Owner.ELSEWHERE: Follows(DecisionKind.REMOVE_CONTAINER, "its session is not on this host"),
    Owner.ENDED: Follows(DecisionKind.REMOVE_CONTAINER, "its session has ended"),
    Owner.NONE: Follows(DecisionKind.REPORT, "no record speaks of it", "unknown is adopted, never deleted"),
}


# A thing in the cloud that carries our mark and that no living record speaks of, by whether SQL ever knew a host

STRAY_PART: Mapping[bool, Follows] = {
    True: Follows(DecisionKind.REMOVE_PART, "no living record speaks of it"),
    False: Follows(DecisionKind.REPORT, "no host was ever recorded", "the database may be another one than it was"),
}


def strays(case: Case) -> list[Decision]:
    """What to do about everything that carries our mark and that no living record speaks of."""
    return [decision for decision in (_stray(*found, case) for found in found_strays(case.seen)) if decision]


def found_strays(seen: Observation) -> Iterator[tuple[str, Follows]]:
    """Each stray by its id, with what follows from it."""
    living = {instance.id: instance for instance in seen.instances}
    for host, containers in seen.containers.items():
        for container in containers.values():
            follows = STRAY_CONTAINER[_owner(container, host, living, seen)]
            if follows.kind and container.instance not in seen.busy_instances:
                yield f"container/{host}/{container.name}", follows
    for part in orphans(seen.parts or (), seen.living):
        if part.host is None or part.host not in seen.leaving:
            yield part.stray_id, STRAY_PART[bool(seen.hosts)]


def _owner(container: SeenContainer, host: str, living: Mapping[str, Instance], seen: Observation) -> Owner:
    instance = living.get(container.instance)
    if instance is not None:
        return Owner.HERE if instance.host == host else Owner.ELSEWHERE
    return Owner.ENDED if container.instance in seen.ended else Owner.NONE


def _stray(stray: str, follows: Follows, case: Case) -> Decision | None:
    """Reported when it is first seen, removed from the next tick on, with longer and longer pauses between tries."""
    known = case.seen.strays.get(stray)
    if known is None:
        return Decision(DecisionKind.REPORT, stray, f"{follows.reason}; carries our mark")
    if follows.kind in (None, DecisionKind.REPORT) or (known.next_at and case.now < known.next_at):
        return None
    tries = f" (try {known.attempts + 1})" if known.attempts else ""
    return Decision(follows.kind, stray, f"{follows.reason}; reported {known.seen_at:%Y-%m-%d %H:%M} UTC{tries}")


# A host in service, against its engine


def dead(host: Host, case: Case) -> Decision | None:
    """A host that is out of reach for longer than its grace time is counted dead.

    Only when the cloud answers: a manager that reaches nothing at all is itself the one that is cut off.
    """
    since = host.unreachable_since
    silent = host.state in PROBED and case.seen.answers(host.name) is False
    if since is None or not silent or case.seen.servers is None or host.name in case.seen.busy_hosts:
        return None
    if (case.now - since).total_seconds() <= case.settings.host_grace:
        return None
    reason = f"out of reach since {since:%Y-%m-%d %H:%M:%S} UTC: {host.last_error}"
    return Decision(DecisionKind.FAIL_HOST, host.name, reason)


def mistrusted(host: Host, case: Case) -> Decision | None:
    """A host whose clock or certificate is off is configured again, which sets both right; once an hour at most."""
    if host.state is not HostState.ACTIVE or host.name in case.seen.busy_hosts:
        return None
    recently = host.repaired_at and (case.now - host.repaired_at).total_seconds() < REPAIR_PAUSE
    reason = _mistrust(host, case)
    return Decision(DecisionKind.CONFIGURE, host.name, reason) if reason and not recently else None


def _mistrust(host: Host, case: Case) -> str:
    probe = case.seen.probes.get(host.name)
    if probe is None:
        return ""
    if abs(probe.clock_ahead) > CLOCK_TOLERANCE:
        return f"its clock is {off_by(probe.clock_ahead)}"
    return probe.trouble if probe.distrusted else ""


def off_by(seconds: float) -> str:
    """As in "3 h behind"."""
    size = abs(seconds)
    amount = f"{size / 3600:.0f} h" if size >= 5400 else f"{size / 60:.0f} min" if size >= 90 else f"{size:.0f} s"
    return f"{amount} {'ahead' if seconds > 0 else 'behind'}"
