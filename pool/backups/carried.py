"""What a session takes along to another host."""

from collections.abc import Iterable

from pool.backups.backup import Backup
from pool.backups.choosing import in_order
from pool.errors import Refused
from pool.records import Instance


def carried_backup(instance: Instance, backups: Iterable[Backup]) -> Backup:
    """Choose the backup that a session from another host begins with: its newest one that counts.

    Mostly it is the one that it carries. Where that turned out not to be what was written, it is the one before, which
    was made while the session still ran.

    Args:
        instance: the session.
        backups: its own, in any state.

    Raises:
        Refused: none counts; it must not begin without its work.
    """
    its_own = (one for one in in_order(backups) if one.begun_at >= instance.created_at)
    found = next((one for one in its_own if one.counts), None)
    if found is None:
        raise Refused(f"instance {instance.id} cannot go on elsewhere: none of its backups can be read any more")
    return found
