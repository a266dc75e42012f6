"""Spans of time that a date can be reckoned with."""

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
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return now - timedelta(seconds=min(read_seconds(text), LONGEST_SPAN))
    except BadRequest:
        raise BadRequest(
            f"{text[:40]!r} is no moment: write yesterday, a time ago such as 2d or 90 min, or 2026-11-27 14:30"
        ) from None
