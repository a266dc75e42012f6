"""Diagnose: from what one tick observed of a pool to what is to be done, each with its reason.

Each rule looks at one host or instance and answers with a decision or with None; the first answer counts. What is not
known (None) never leads to a failure or a removal.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pool.decisions import Decision, DecisionKind
from pool.hosts.lifetime import remaining
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.hosts.unused import hosts_to_let_go
from pool.housekeeping.backup_rules import backup_due, backup_pauses
from pool.housekeeping.disk_rules import fills_disk
from pool.housekeeping.moving_rules import leaves_in_time, unattended_move
from pool.housekeeping.observation import Observation, RuleContext
from pool.housekeeping.queue_rules import class_starts, start_cancelled, unattended_start, waits_in_vain
from pool.housekeeping.reconciliation import (
    certificate_ends,
    container_lost,
    cut_off,
    orphan_decisions,
    short_of_memory,
    tls_or_clock_wrong,
    unreachable_too_long,
)
from pool.housekeeping.setup_rules import outdated_setup
from pool.housekeeping.shutdown_rules import shut_down, shutdown_over
from pool.housekeeping.standby_rules import standby_decisions
from pool.moments import minute
from pool.printable import how_many
from pool.records import Host, Instance
from pool.sessions.drain import drain_over_since
from pool.sessions.idling import is_idle
from pool.settings import PoolSettings
from pool.states import EndCause, HostState, InstanceState

Thing = TypeVar("Thing", Host, Instance)
Rule = Callable[[Thing, RuleContext], Decision | None]


def plan(seen: Observation, settings: PoolSettings, now: datetime) -> list[Decision]:
    """Everything that should be done now: at most one thing for each host and each instance, and hosts to spawn."""
    case = RuleContext(seen, settings, now)
    for_hosts = _first_answers(HOST_RULES, seen.hosts, case)
    for_hosts |= _let_go(_after(seen.hosts, for_hosts), for_hosts, case)
    hosts = _after(seen.hosts, for_hosts)
    for_instances = _first_answers(
        INSTANCE_RULES, seen.instances, RuleContext(replace(seen, hosts=hosts), settings, now)
    )
    spawns = hosts_to_spawn(_situation(hosts, case, decided=for_instances))
    standbys = standby_decisions(replace(seen, hosts=hosts), settings, now)
    for_things = [*for_hosts.values(), *for_instances.values()]
    return [*cut_off(case), *for_things, *orphan_decisions(case), *standbys, *class_starts(case), *spawns]


def _situation(hosts: Sequence[Host], case: RuleContext, decided: Container[str] = ()) -> Situation:
    """Return what hosts are counted against; a waiting session about which something is decided wants no host."""
    seen = case.seen
    queue = [instance for instance in seen.queue if instance.id not in decided]
    spawned, headroom = seen.unrecorded_spawns, seen.headroom
    return Situation(hosts, case.settings, case.now, spawned, queue, headroom, seen.courses, seen.instances)


def _let_go(hosts: Sequence[Host], decided: Container[str], case: RuleContext) -> dict[str, Decision]:
    """Let unused hosts go that are not needed; hosts about which something is decided, or that a run works on, wait."""
    return {
        name: Decision(DecisionKind.LET_GO, name, reason)
        for name, reason in hosts_to_let_go(_situation(hosts, case)).items()
        if name not in decided and name not in case.seen.busy_hosts
    }


def _after(hosts: Iterable[Host], decided: Mapping[str, Decision]) -> tuple[Host, ...]:
    """Return the hosts as they will be once what is decided about them is done."""
    return tuple(_as_decided(host, decided.get(host.name)) for host in hosts)


def _first_answers(rules: Iterable[Rule[Thing]], things: Iterable[Thing], case: RuleContext) -> dict[str, Decision]:
    """Return the first decision about each host or instance, by its name or id."""
    answers = (next(filter(None, (rule(thing, case) for rule in rules)), None) for thing in things)
    return {answer.subject: answer for answer in answers if answer}


def _as_decided(host: Host, decision: Decision | None) -> Host:
    """Return the host as it will be: its room no longer counts, and its sessions end with it."""
    to = _LEADS_TO.get(decision.kind) if decision else None
    return replace(host, state=to, reason=decision.reason) if decision and to else host


_LEADS_TO = {
    DecisionKind.DRAIN: HostState.DRAINING,
    DecisionKind.LET_GO: HostState.DRAINING,
    DecisionKind.FAIL_HOST: HostState.FAILED,
    DecisionKind.RETURN: HostState.ACTIVE,
}


# Rules for one host


def server_vanished(host: Host, case: RuleContext) -> Decision | None:
    """Fail a host whose server the cloud no longer lists, unless its engine answers."""
    had_server = host.state in (HostState.CONFIGURING, HostState.ACTIVE, HostState.DRAINING)
    if had_server and case.seen.lists(host) is False and case.seen.answers(host.name) is not True:
        return Decision(DecisionKind.FAIL_HOST, host.name, "the cloud no longer lists its server")
    return None


def never_an_image(host: Host, case: RuleContext) -> Decision | None:
    """Fail a host that was to become a host image when no flow run works on it: it would never take sessions."""
    before = host.state in (HostState.SPAWNING, HostState.CONFIGURING, HostState.ACTIVE)
    if host.becomes_image and before and host.name not in case.seen.busy_hosts:
        return Decision(DecisionKind.FAIL_HOST, host.name, "it was to become a host image, and no flow run works on it")
    return None


def stuck(host: Host, case: RuleContext) -> Decision | None:
    """Fail a host that does not become active in time when no flow run works on it."""
    limits = {
        HostState.SPAWNING: case.settings.spawn_timeout,
        HostState.CONFIGURING: case.settings.configure_timeout,
    }
    limit = limits.get(host.state)
    if limit is None or host.name in case.seen.busy_hosts or case.seconds_in_state(host) <= limit:
        return None
    reason = f"still {host.state} after {limit} s, and no flow run works on it"
    return Decision(DecisionKind.FAIL_HOST, host.name, reason)


def retired(host: Host, case: RuleContext) -> Decision | None:
    """Drain a host with too many errors."""
    waits = host.state is HostState.CONFIGURING and host.name not in case.seen.busy_hosts
    if host.state is not HostState.ACTIVE and not waits:
        return None
    if host.errors > case.settings.max_host_errors:
        reason = f"{how_many(host.errors, 'error')} in a row, the last: {host.last_error}"
        return Decision(DecisionKind.DRAIN, host.name, reason)
    return None


def old(host: Host, case: RuleContext) -> Decision | None:
    """Let a host go that is past its lifetime, empty, and that the pool can do without."""
    if host.name not in case.may_retire or host.name in case.seen.busy_hosts:
        return None
    lifetime = case.settings.host_lifetime
    by_disuse = remaining(host, case.settings, case.now) > 0
    unused = f"it is large, and pool {host.pool} was not used for {lifetime} s"
    reason = unused if by_disuse else f"its lifetime of {lifetime} s since first use is over"
    return Decision(DecisionKind.LET_GO, host.name, reason)


def unattended(host: Host, case: RuleContext) -> Decision | None:
    """Configure a host that waits for it when no flow run works on it."""
    if host.state is HostState.CONFIGURING and host.name not in case.seen.busy_hosts:
        return Decision(DecisionKind.CONFIGURE, host.name, "ssh answered, and no flow run configures it")
    return None


def empty(host: Host, case: RuleContext) -> Decision | None:
    """Remove a drained or failed host that no session holds room on, once the cloud answers."""
    done = host.state in (HostState.DRAINING, HostState.FAILED) and not host.reserved
    if not done or case.seen.servers is None or host.name in case.seen.busy_hosts:
        return None
    why = f", {host.reason}" if host.reason else ""
    return Decision(DecisionKind.REMOVE, host.name, f"{host.state}{why}; no session is left on it")


def removing(host: Host, case: RuleContext) -> Decision | None:
    """Confirm that a server is gone when the cloud no longer lists it; until then request its deletion again."""
    listed = case.seen.lists(host)
    if host.state is not HostState.REMOVING or listed is None or host.name in case.seen.busy_hosts:
        return None
    if listed:
        waited = f"the cloud still lists its server after {case.seconds_in_state(host):.0f} s"
        return _again(host, Decision(DecisionKind.REMOVE, host.name, waited), case)
    return Decision(DecisionKind.CONFIRM_GONE, host.name, "the cloud no longer lists its server")


def came_back(host: Host, case: RuleContext) -> Decision | None:
    """Delete a server that appears after its host was removed (a create request that was still under way)."""
    if host.state is HostState.REMOVED and case.seen.lists(host):
        listed = Decision(DecisionKind.DELETE_SERVER, host.name, "removed on record, but the cloud lists its server")
        return _again(host, listed, case)
    return None


def _again(host: Host, removal: Decision, case: RuleContext) -> Decision | None:
    """Repeat a removal with back-off; the attempts are counted and shown."""
    if host.remove_after and case.now < host.remove_after:
        return None
    tries = f", try {host.removals + 1}" if host.removals else ""
    return replace(removal, reason=f"{removal.reason}{tries}")


HOST_RULES = (
    server_vanished,
    unreachable_too_long,
    never_an_image,
    stuck,
    shut_down,
    retired,
    old,
    tls_or_clock_wrong,
    certificate_ends,
    unattended,
    outdated_setup,
    shutdown_over,
    empty,
    removing,
    came_back,
)


# Rules for one instance


def host_lost(instance: Instance, case: RuleContext) -> Decision | None:
    """Fail a session whose host has failed; one that was moved away with all of its work goes on elsewhere."""
    host = case.host_of(instance)
    if host is None:
        return None
    if host.state is HostState.FAILED and not (instance.state is InstanceState.MOVING and instance.carried):
        reason = f"its host {host.name} failed: {host.reason}"
        return Decision(DecisionKind.FAIL_INSTANCE, instance.id, reason, cause=EndCause.HOST_LOST)
    return None


def expired(instance: Instance, case: RuleContext) -> Decision | None:
    """End a session whose time is over."""
    until = instance.expires_at
    if until is None or until > case.now:
        return None
    if instance.state is not InstanceState.RUNNING or instance.id in case.seen.busy_instances:
        return None
    reason = f"its time was over at {minute(until)}"
    return Decision(DecisionKind.EXPIRE, instance.id, reason, cause=EndCause.EXPIRED)


def drained(instance: Instance, case: RuleContext) -> Decision | None:
    """End a session that is still on its host at the deadline of the host's drain."""
    host = case.host_of(instance)
    until = drain_over_since(host, case.now) if host else None
    if host is None or until is None:
        return None
    if instance.state is not InstanceState.RUNNING or instance.id in case.seen.busy_instances:
        return None
    reason = f"the drain of its host {host.name} had until {minute(until)}: {host.reason}"
    return Decision(DecisionKind.END_DRAINED, instance.id, reason, cause=EndCause.DRAINED)


def idle(instance: Instance, case: RuleContext) -> Decision | None:
    """End an idle session, where its blueprint has a limit."""
    seen = case.seen
    if not is_idle(instance, seen.watched_since, seen.last_used.get(instance.id), case.now):
        return None
    if instance.id in seen.busy_instances:
        return None
    reason = f"idle for more than {instance.idle_timeout} s"
    return Decision(DecisionKind.END_IDLE, instance.id, reason, cause=EndCause.IDLE)


def stranded(instance: Instance, case: RuleContext) -> Decision | None:
    """Clean up a starting or stopping session when no flow run works on it; a queued one just waits."""
    under_way = instance.state in (InstanceState.STARTING, InstanceState.STOPPING)
    if not under_way or not case.overdue(instance):
        return None
    if instance.state is InstanceState.STOPPING and backup_pauses(instance, case):
        return None
    reason = f"{instance.state} for {case.seconds_in_state(instance):.0f} s, and no flow run works on it"
    cause = EndCause.NOT_STARTED if instance.state is InstanceState.STARTING else None
    return Decision(DecisionKind.CLEAN_UP, instance.id, reason, cause=cause)


INSTANCE_RULES = (
    host_lost,
    container_lost,
    expired,
    drained,
    idle,
    leaves_in_time,
    stranded,
    unattended_move,
    start_cancelled,
    waits_in_vain,
    unattended_start,
    fills_disk,
    short_of_memory,
    backup_due,
)
