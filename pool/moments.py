"""Spans of time that a date can be reckoned with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pool.errors import BadRequest
from pool.notation import read_seconds

#: Seconds of the longest span that a setting, a blueprint or a request may name: ten years.
LONGEST_SPAN = 10 * 365 * 86400


def after(moment: datetime, seconds: float) -> datetime:
    """Return the moment so many seconds later; a span that is longer than any may be counts as the longest.

    What was stored before there was a bound, or past the form, stops no tick.
    """
    return moment + timedelta(seconds=min(seconds, LONGEST_SPAN))


def minute(moment: datetime) -> str:
    """Write a moment for people, to the minute: "2026-11-27 14:30 UTC"."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def second(moment: datetime) -> str:
    """Write a moment for people, to the second: "2026-11-27 14:30:05 UTC"."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def check_minutes(minutes: int, name: str = "minutes", or_what: str = "", most: int = LONGEST_SPAN // 60) -> None:
    """Refuse minutes that are none: before anything is done, and before an operator is asked about it.

    Args:
        minutes: from now.
        name: what they are called where they were written.
        or_what: what else could have been written there.
        most: minutes; ten years unless it says so.

    Raises:
        BadRequest: they are less than one, or more than that.
    """
    if not 1 <= minutes <= most:
        raise BadRequest(f"{name} is {minutes}; it must be whole minutes, 1 to {most}{or_what}")


def check_deadline(minutes: int | None) -> None:
    """Refuse a deadline of a drain that is none.

    Raises:
        BadRequest: it is not after now, or longer ahead than ten years; None is no deadline.
    """
    if minutes is not None:
        check_minutes(minutes, "deadline", ", or empty for none")


@dataclass(frozen=True)
class Period:
    """A part of the past as an operator says it; each end is written as :func:`read_since` reads it."""

    since: str
    until: str = ""  # empty for now

    def ends(self, now: datetime) -> tuple[datetime, datetime]:
        """Return when it begins and when it ends.

        Raises:
            BadRequest: one of them is no moment, or it ends before it begins.
        """
        begin, end = read_since(self.since, now), read_since(self.until, now) if self.until else now
        if end <= begin:
            raise BadRequest(f"{minute(end)}, the end, is not after {minute(begin)}, the begin: change since or until")
        return begin, end


def read_since(text: str, now: datetime) -> datetime:
    """Read a moment of the past: "today", "yesterday" (their midnight in UTC), "2d" or "90 min" ago, or a date.

    Args:
        text: as an operator writes it; a date is ISO 8601, "2026-11-27" or "2026-11-27 14:30", in UTC unless it says.
        now: the moment of asking.

    Raises:
        BadRequest: it is none of these.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": midnight, "yesterday": midnight - timedelta(days=1)}
    if text in named:
        return named[text]
    try:
        said = datetime.fromisoformat(text)
        return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # also a first or last day that another zone has in a year without a number
        pass
    try:
        return now - timedelta(seconds=min(read_seconds(text), LONGEST_SPAN))
    except BadRequest:
        raise BadRequest(
            f"{text[:40]!r} is no moment: write yesterday, a time ago such as 2d or 90 min, or 2026-11-27 14:30"
        ) from None
