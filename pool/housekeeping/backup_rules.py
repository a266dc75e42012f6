"""Housekeeping's rules for backups."""

from pool.backups.rules import end_pauses, is_due
from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Instance


def backup_due(instance: Instance, case: RuleContext) -> Decision | None:
    """Back up a running session as often as its blueprint says."""
    if instance.id in case.seen.busy_instances or not is_due(instance, case.seen.backups_of(instance), case.now):
        return None
    reason = f"it has no backup of the last {instance.keep.every} s"
    return Decision(DecisionKind.BACK_UP, instance.id, reason)


def backup_pauses(instance: Instance, case: RuleContext) -> bool:
    """Whether the end of a session waits before its backup is tried again: the repository may be away."""
    return end_pauses(instance, case.seen.backups_of(instance), case.settings.backup_wait, case.now)
