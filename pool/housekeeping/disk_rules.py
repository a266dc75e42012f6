"""Rules for sessions on a host whose disk is nearly full: the one that wrote most is named, and ended past the limit.

A host whose disk was not looked at, or whose sessions could not be measured, leads to nothing.
"""

from collections.abc import Sequence
from typing import TypeVar

from pool.decisions import Decision, DecisionKind
from pool.housekeeping.observation import RuleContext
from pool.records import Instance
from pool.states import EndCause, InstanceState

#: How many hosts are looked at in one tick; each look is a login.
LOOKS = 16
TICK = 30  # seconds

Name = TypeVar("Name")


def due_for_a_look(names: Sequence[Name], at: float) -> Sequence[Name]:
    """Return those whose turn it is at this moment: all of them where they are few.

    Args:
        names: in an order that stays.
        at: seconds since 1970.
    """
    groups = max(1, -(-len(names) // LOOKS))
    return names[int(at // TICK) % groups :: groups]


def fills_disk(instance: Instance, case: RuleContext) -> Decision | None:
    """Say of a session that it wrote most on a disk that is nearly full; end it where hardly anything is left."""
    disk = case.seen.disks.get(instance.host) if instance.host else None
    if disk is None or instance.state is not InstanceState.RUNNING or disk.largest_writer != instance.made_as:
        return None
    written = (disk.written_mb or {})[instance.made_as]
    reason = f"it wrote {written} MB, more than any other on {instance.host}, whose disk has {disk.free_mb} MB left"
    if disk.free_mb < case.settings.disk_limit and instance.id not in case.seen.busy_instances:
        return Decision(DecisionKind.END_WRITER, instance.id, reason, cause=EndCause.DISK_FILLED)
    if disk.free_mb >= case.settings.disk_floor or instance.id in case.seen.told_of_disk:
        return None
    return Decision(DecisionKind.FILLS_DISK, instance.id, reason)
