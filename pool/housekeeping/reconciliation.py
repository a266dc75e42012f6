"""Where SQL and what is found outside differ, and what follows: by tables, one for each pair of truths.

SQL says what should be; the cloud, the engines and the gateway say what is. What cannot be seen is unknown, never gone.
What carries our mark and has no living record is reported by one tick and removed by a later one; what carries no mark
of ours is never even listed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pool.decisions import Decision, DecisionKind
from pool.hosts.reach import PROBED, cut_off_words
from pool.housekeeping.found import ContainerOutcome, SeenContainer, exit_words
from pool.housekeeping.observation import Observation, RuleContext
from pool.housekeeping.orphans import orphans
from pool.moments import minute, second
from pool.records import Host, Instance
from pool.standbys.standby import Standby
from pool.states import EndCause, HostState, InstanceState

#: Seconds that a host with sessions is kept whose certificate, or ours, is not taken: it serves them all the same, and
#: is put right as soon as ssh lets us in.
DISTRUST_GRACE = 6 * 3600
REPAIR_PAUSE = 3600  # seconds between two tries to put a host right by configuring it again
CLOCK_TOLERANCE = 120  # seconds that a host's clock may be off


@dataclass(frozen=True)
class Consequence:
    """What follows from one combination."""

    kind: DecisionKind | None  # None: nothing is decided
    reason: str = ""  # of the decision; "{host}", "{code}" are filled in
    why: str = ""  # for the reader of the table
    cause: EndCause | None = None  # where a session ends by it


# A session that runs in SQL, against its container on the engine of its host

RUNNING_SESSION: Mapping[ContainerOutcome, Consequence] = {
    ContainerOutcome.RUNS: Consequence(None),
    ContainerOutcome.FROZEN: Consequence(
        DecisionKind.START_AGAIN,
        "its container on {host} is still frozen",
        "it was a standby's, and is to go on; one that never was is frozen by another, and is left so",
        EndCause.PROGRAM_ENDED,
    ),
    ContainerOutcome.SHUT_DOWN: Consequence(
        DecisionKind.SHUT_DOWN,
        "its user shut it down",
        "ended like any other, its room is freed",
        EndCause.SHUT_DOWN_INSIDE,
    ),
    ContainerOutcome.FAILED: Consequence(
        DecisionKind.LOST_CONTAINER, "its container on {host} ended with exit code {code}", cause=EndCause.PROGRAM_ENDED
    ),
    ContainerOutcome.OUT_OF_MEMORY: Consequence(
        DecisionKind.LOST_CONTAINER, "its container on {host} ran out of memory", cause=EndCause.OUT_OF_MEMORY
    ),
    ContainerOutcome.STOPPED_WITH_ENGINE: Consequence(
        DecisionKind.START_AGAIN,
        "its host {host} rebooted",
        "its files are still there; a container that crashed with its host is started by the engine itself",
        EndCause.HOST_REBOOTED,
    ),
    ContainerOutcome.GONE: Consequence(
        DecisionKind.LOST_CONTAINER, "its container was removed from {host}", cause=EndCause.CONTAINER_REMOVED
    ),
    ContainerOutcome.UNKNOWN: Consequence(
        None, why="unknown is not gone; what an unreachable host leads to, see below"
    ),
}


def container_lost(instance: Instance, case: RuleContext) -> Decision | None:
    """End a session whose container no longer runs, with the cause."""
    if instance.state is not InstanceState.RUNNING or instance.id in case.seen.busy_instances:
        return None
    outcome = case.seen.outcome_of(instance)
    follows = RUNNING_SESSION[outcome]
    if follows.kind is None or (outcome is ContainerOutcome.FROZEN and not instance.standby):
        return None
    found = case.seen.container_of(instance)
    reason = follows.reason.format(host=instance.host, code=found and exit_words(found.exit_code))
    return Decision(follows.kind, instance.id, reason, cause=follows.cause)


def short_of_memory(instance: Instance, case: RuleContext) -> Decision | None:
    """Report a session in which a process was killed for memory, most often a kernel; the session goes on."""
    probe = case.seen.probes.get(instance.host) if instance.host else None
    if instance.state is not InstanceState.RUNNING or not probe or instance.id in case.seen.told_of_memory:
        return None
    if instance.made_as not in probe.out_of_memory:
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


ORPHAN_CONTAINER: Mapping[Owner, Consequence] = {
    Owner.HERE: Consequence(None),
    Owner.ELSEWHERE: Consequence(DecisionKind.REMOVE_CONTAINER, "its session is not on this host"),
    Owner.ENDED: Consequence(DecisionKind.REMOVE_CONTAINER, "its session has ended"),
    Owner.NONE: Consequence(DecisionKind.REPORT, "no record names it", "unknown is adopted, never deleted"),
}


# A thing in the cloud that carries our mark and that no living record speaks of, by whether SQL ever knew a host

ORPHAN_PART: Mapping[bool, Consequence] = {
    True: Consequence(DecisionKind.REMOVE_PART, "no living record names it"),
    False: Consequence(DecisionKind.REPORT, "no host was ever recorded", "the database may be another one than it was"),
}


def orphan_decisions(case: RuleContext) -> list[Decision]:
    """Decide about everything that carries our mark and that no living record names."""
    return [decision for decision in (_orphan(*found, case) for found in found_orphans(case.seen)) if decision]


def found_orphans(seen: Observation) -> Iterator[tuple[str, Consequence]]:
    """Each orphan by its id, with what follows from it."""
    owners: list[Instance | Standby] = [*(one for one in seen.standbys if one.host), *seen.instances]
    living = {owner.made_as: owner for owner in owners}
    for host, containers in seen.containers.items():
        for container in containers.values():
            follows = ORPHAN_CONTAINER[_owner(container, host, living, seen)]
            owner = living.get(container.instance)
            if follows.kind and (owner.id if owner else container.instance) not in seen.busy_instances:
                yield f"container/{host}/{container.name}", follows
    for part in orphans(seen.parts or (), seen.living):
        if part.host is None or part.host not in seen.leaving:
            yield part.orphan_id, ORPHAN_PART[bool(seen.hosts)]


def _owner(container: SeenContainer, host: str, living: Mapping[str, Instance | Standby], seen: Observation) -> Owner:
    instance = living.get(container.instance)
    if instance is not None:
        return Owner.HERE if instance.host == host else Owner.ELSEWHERE
    return Owner.ENDED if container.instance in seen.ended else Owner.NONE


def _orphan(orphan: str, follows: Consequence, case: RuleContext) -> Decision | None:
    """Report it when it is first seen, remove it from the next tick on, with back-off between attempts."""
    known = case.seen.orphans.get(orphan)
    if known is None:
        return Decision(DecisionKind.REPORT, orphan, f"{follows.reason}; carries our mark")
    if follows.kind in (None, DecisionKind.REPORT) or (known.next_at and case.now < known.next_at):
        return None
    tries = f" (try {known.attempts + 1})" if known.attempts else ""
    return Decision(follows.kind, orphan, f"{follows.reason}; reported {minute(known.seen_at)}{tries}")


# A host in service, against its engine


def unreachable_too_long(host: Host, case: RuleContext) -> Decision | None:
    """Fail a host that is unreachable for longer than its grace time.

    Only when the cloud answers, and only single hosts: where most of a pool is out of reach at once, the network or the
    manager is at fault. Nor a moment after that: the hosts come back one after the other. A certificate that ran out is
    no silence: a host with sessions that answers with one has ``DISTRUST_GRACE``.
    """
    if case.cut_off or case.seen.cut_off_lately:
        return None
    since = host.unreachable_since
    silent = host.state in PROBED and case.seen.answers(host.name) is False
    if since is None or not silent or case.seen.servers is None or host.name in case.seen.busy_hosts:
        return None
    distrusted = case.seen.probes[host.name].distrusted and host.reserved
    grace = max(case.settings.host_grace, DISTRUST_GRACE) if distrusted else case.settings.host_grace
    if (case.now - since).total_seconds() <= grace:
        return None
    reason = f"out of reach since {second(since)}: {host.last_error}"
    return Decision(DecisionKind.FAIL_HOST, host.name, reason)


def cut_off(case: RuleContext) -> list[Decision]:
    """Say loudly that many hosts are out of reach at once."""
    if not case.cut_off:
        return []
    return [Decision(DecisionKind.CUT_OFF, case.settings.name, cut_off_words(*case.seen.silent))]


def tls_or_clock_wrong(host: Host, case: RuleContext) -> Decision | None:
    """Configure a host again whose clock or certificate is wrong, which corrects both; at most once an hour."""
    if host.state is not HostState.ACTIVE or host.name in case.seen.busy_hosts or _repaired_lately(host, case):
        return None
    reason = _mistrust(host, case)
    return Decision(DecisionKind.CONFIGURE, host.name, reason) if reason else None


def certificate_ends(host: Host, case: RuleContext) -> Decision | None:
    """Renew the certificate of a host in service before it runs out; of one that drains, also when it has.

    A draining host is not configured any more, and its sessions may last for days.
    """
    if host.state not in PROBED or host.name in case.seen.busy_hosts or _repaired_lately(host, case):
        return None
    reason = _why_renewed(host, case)
    return Decision(DecisionKind.RENEW, host.name, reason) if reason else None


def _why_renewed(host: Host, case: RuleContext) -> str:
    probe = case.seen.probes.get(host.name)
    if probe is None:
        return ""
    if probe.certificate and case.now >= probe.certificate.renewed_from:
        return f"its certificate runs out at {minute(probe.certificate.until)}"
    return probe.trouble if probe.distrusted and host.state is HostState.DRAINING else ""


def _repaired_lately(host: Host, case: RuleContext) -> bool:
    return host.repaired_at is not None and (case.now - host.repaired_at).total_seconds() < REPAIR_PAUSE


def _mistrust(host: Host, case: RuleContext) -> str:
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
