"""What is read back: of a new backup all, or what one that was read today does not have; of the repository a share."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pool.backups.backup import Backup
from pool.backups.choosing import in_order

#: Of less, all is read back: it takes no longer than to find out what is new.
SMALL = 256 << 20  # bytes
#: So long what was read back is taken for being as it was read.
FRESH = timedelta(days=1)
#: The repository is read in so many shares, one in each so many seconds: all of it once in thirty days.
SHARES, SHARE_SECONDS = 120, 6 * 3600
ALL_READ = "read back"  # begins the reason of a backup that counts


def to_compare_with(backup: Backup, others: Iterable[Backup], now: datetime) -> Backup | None:
    """Choose the backup whose parts need not be read again with a new one; None: all of the new one is to be read.

    It is one of which all was read a short while ago, not one that was compared itself: so each part of a backup that
    counts was read less than a day before.

    Args:
        backup: was written, and does not count yet.
        others: of the same user and blueprint, in any state.
        now: the moment of asking.
    """
    if backup.size < SMALL:
        return None
    fresh = (one for one in others if one.counts and all_was_read(one) and one.state_since > now - FRESH)
    return next(iter(in_order(fresh)), None)


def said_of(known: Backup | None, told: str = "") -> str:
    """Say how a backup was read back, as its reason.

    Args:
        known: that it was compared with; None: all of it was read.
        told: what else is to be told of it.
    """
    how = f"its new parts were read back, as the others were with {known.id}" if known else ALL_READ
    return f"{how}; {told}" if told else how


def said_of_changes(backup: Backup, base: Backup, told: str = "") -> str:
    """Say how a backup that stands on another one was read back, as its reason.

    Args:
        backup: that was read.
        base: that it stands on.
        told: what else is to be told of it.
    """
    same = backup.snapshot == base.snapshot
    how = f"nothing changed since {base.id}" if same else f"what changed since {base.id} was {ALL_READ}"
    return f"{how}; {told}" if told else how


def share_to_read(now: datetime) -> int:
    """Choose which share of the repository is read now: 1 is the first one, `SHARES` the last."""
    return int(now.timestamp()) // SHARE_SECONDS % SHARES + 1


def all_was_read(backup: Backup) -> bool:
    """Whether all of a backup was read back when it began to count."""
    return backup.reason.partition(";")[0] == ALL_READ
