"""Housekeeping's rule for backups of sessions that run."""

from pool.backups.rules import is_due
from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Instance


def backup_due(instance: Instance, case: RuleContext) -> Decision | None:
    """Back up a running session as often as its blueprint says."""
    if instance.id in case.seen.busy_instances or not is_due(instance, case.seen.backups_of(instance), case.now):
        return None
    reason = f"it has no backup of the last {instance.keep.every} s"
    return Decision(DecisionKind.BACK_UP, instance.id, reason)
