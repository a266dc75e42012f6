"""Housekeeping's rule for sessions that are moved to another host."""

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.backup_rules import backup_pauses
from pool.housekeeping.observation import RuleContext
from pool.housekeeping.queue_rules import ASKING_SECONDS
from pool.records import Instance
from pool.states import InstanceState


def unattended_move(instance: Instance, case: RuleContext) -> Decision | None:
    """Go on with a move that no flow run does: the one that began it may have crashed, or its host did not answer."""
    waited = case.seconds_in_state(instance)
    if instance.state is not InstanceState.MOVING or waited <= ASKING_SECONDS:
        return None
    if instance.id in case.seen.busy_instances or backup_pauses(instance, case):
        return None
    return Decision(DecisionKind.MOVE_ON, instance.id, f"it is moved for {waited:.0f} s, and no flow run does so")
