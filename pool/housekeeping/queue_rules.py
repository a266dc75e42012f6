"""Housekeeping's rules for sessions that are queued, that have room and no flow run, or that a class begins with."""

from pool.courses.starting import CourseStart, starts_due
from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.moments import minute
from pool.printable import how_many
from pool.records import Instance
from pool.sessions.admission import shutting_down
from pool.sessions.queue import wait_expired, wait_limit
from pool.states import EndCause, InstanceState

#: Seconds from taking room until the flow run that starts the session must be there; asking for it may take some tries.
ASKING_SECONDS = 15


def waits_in_vain(instance: Instance, case: RuleContext) -> Decision | None:
    """Give up a queued session past its wait limit, of a pool that shuts down, or whose blueprint cannot be read."""
    if instance.state is not InstanceState.QUEUED:
        return None
    if case.settings.shutdown_mode:
        return Decision(
            DecisionKind.GIVE_UP, instance.id, str(shutting_down(case.settings)), cause=EndCause.POOL_SHUT_DOWN
        )
    if why := case.seen.unreadable.get(instance.blueprint):
        return Decision(DecisionKind.GIVE_UP, instance.id, why, cause=EndCause.NOT_STARTED)
    if not wait_expired(instance, case.settings, case.now):
        return None
    full = case.refusal(instance.slots)
    reason = f"no room became free for it in {wait_limit(instance, case.settings)} s: {full}"
    return Decision(DecisionKind.GIVE_UP, instance.id, reason, cause=EndCause.NO_ROOM)


def start_cancelled(instance: Instance, case: RuleContext) -> Decision | None:
    """Give up a queued session whose start was cancelled while no worker heard of it: it would still be started."""
    if instance.state is not InstanceState.QUEUED or instance.id not in case.seen.cancelled:
        return None
    return Decision(DecisionKind.GIVE_UP, instance.id, "cancelled", cause=EndCause.NOT_STARTED)


def unattended_start(instance: Instance, case: RuleContext) -> Decision | None:
    """Start a session that has room when no flow run does: the run that gave it the room may have crashed."""
    waited = case.seconds_in_state(instance)
    busy = instance.id in case.seen.busy_instances
    if instance.state is not InstanceState.STARTING or busy or waited <= ASKING_SECONDS:
        return None
    return Decision(DecisionKind.START, instance.id, f"it has room for {waited:.0f} s, and no flow run starts it")


def class_starts(case: RuleContext) -> list[Decision]:
    """Start the sessions of classes that begin soon; what was asked for a moment ago is waited for."""
    seen = case.seen
    if case.settings.shutdown_mode:
        return []
    due = starts_due(seen.courses, seen.started, case.now)
    return [_start_class(one, case) for one in due if one.course.name not in seen.asked_to_start]


def _start_class(one: CourseStart, case: RuleContext) -> Decision:
    left = len(one.sessions.keys() - case.seen.started)
    are = f"{how_many(len(one.sessions), 'session')} {'is' if left == 1 else 'are'}"
    reason = f"its class begins at {minute(one.begins)}; {left} of its {are} not on record"
    return Decision(DecisionKind.START_CLASS, one.course.name, reason)
