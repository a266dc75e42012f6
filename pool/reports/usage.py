"""Who used what for how long: from the room that sessions held, by user, blueprint, pool or month."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pool.errors import BadRequest

GROUPS = ("month", "pool", "blueprint", "user")
HASH_CHARACTERS = 12


@dataclass(frozen=True)
class Stay:
    """The time for which a session held the room that it kept; one that lives holds it until now."""

    instance: str
    pool: str
    blueprint: str
    user: str
    slots: int
    begun: datetime
    ended: datetime

    @property
    def month(self) -> str:
        """The month that it began in, in UTC: "2026-11"."""
        return f"{self.begun.astimezone(UTC):%Y-%m}"


def usage(stays: Iterable[Stay], since: datetime, until: datetime, groups: Sequence[str]) -> list[dict[str, object]]:
    """Sum up stays within a time; a session that was there in two months counts in both, each for its part.

    Args:
        stays: of all sessions that were there.
        since: what was before it does not count.
        until: what is after it does not count, either.
        groups: of :data:`GROUPS`, what a row is about; none: all in one row.

    Returns:
        Rows in the order of their groups: these, `sessions`, `users`, `hours`, and `slot_hours`, hours times slots.

    Raises:
        BadRequest: a group that there is not.
    """
    if unknown := [group for group in groups if group not in GROUPS]:
        raise BadRequest(f"usage cannot be told by {', '.join(unknown)}; it can by {', '.join(GROUPS)}")
    parts: dict[tuple[str, ...], list[Stay]] = defaultdict(list)
    for part in _months(_within(stays, since, until)):
        parts[tuple(getattr(part, group) for group in groups)].append(part)
    return [dict(zip(groups, key, strict=True)) | _sums(parts[key]) for key in sorted(parts)]


def hashed(stay: Stay, key: bytes) -> Stay:
    """Return the stay under a pseudonym of its user, the same for each stay; without the key no guess can be tested."""
    digest = hmac.new(key, stay.user.encode(), hashlib.sha256).hexdigest()
    return replace(stay, user=digest[:HASH_CHARACTERS] if stay.user else "")


def _within(stays: Iterable[Stay], since: datetime, until: datetime) -> Iterator[Stay]:
    cut = (replace(stay, begun=max(stay.begun, since), ended=min(stay.ended, until)) for stay in stays)
    return (stay for stay in cut if stay.begun < stay.ended)


def _months(stays: Iterable[Stay]) -> Iterator[Stay]:
    for stay in stays:
        rest = stay
        while (next_one := _next_month(rest.begun)) < stay.ended:
            yield replace(rest, ended=next_one)
            rest = replace(rest, begun=next_one)
        yield rest


def _next_month(moment: datetime) -> datetime:
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


def _sums(stays: Sequence[Stay]) -> dict[str, object]:
    hours = [((stay.ended - stay.begun).total_seconds() / 3600, stay.slots) for stay in stays]
    return {
        "sessions": len({stay.instance for stay in stays}),
        "users": len({stay.user for stay in stays if stay.user}),
        "hours": round(sum(length for length, _ in hours), 2),
        "slot_hours": round(sum(length * slots for length, slots in hours), 2),
    }
