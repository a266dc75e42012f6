"""Housekeeping's rules for sessions that are moved to another host, or are to be."""

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.backup_rules import backup_pauses
from pool.housekeeping.observation import RuleContext
from pool.housekeeping.queue_rules import ASKING_SECONDS
from pool.moments import minute
from pool.records import Instance
from pool.sessions.drain import drain_ends_soon
from pool.sessions.moving import can_move
from pool.states import InstanceState


def leaves_in_time(instance: Instance, case: RuleContext) -> Decision | None:
    """Move a session that takes its work along off a host whose drain is nearly over, where another host has room.

    It is asked for once: one that could not be moved goes on, and is ended at the deadline.
    """
    host = case.host_of(instance)
    until = drain_ends_soon(host, case.now) if host else None
    if host is None or until is None or not can_move(instance) or instance.id in case.seen.busy_instances:
        return None
    if case.most_free_beside(host) < instance.slots:
        return None
    reason = f"the drain of its host {host.name} has until {minute(until)}: {host.reason}"
    return Decision(DecisionKind.MOVE_OFF, instance.id, reason)


def unattended_move(instance: Instance, case: RuleContext) -> Decision | None:
    """Go on with a move that no flow run does: the one that began it may have crashed, or its host did not answer."""
    waited = case.seconds_in_state(instance)
    if instance.state is not InstanceState.MOVING or waited <= ASKING_SECONDS:
        return None
    if instance.id in case.seen.busy_instances or backup_pauses(instance, case):
        return None
    return Decision(DecisionKind.MOVE_ON, instance.id, f"it is moved for {waited:.0f} s, and no flow run does so")
