"""Spans of time that a date can be reckoned with."""

from datetime import datetime, timedelta

#: Seconds of the longest span that a setting, a blueprint or a request may name: ten years.
LONGEST_SPAN = 10 * 365 * 86400


def after(moment: datetime, seconds: float) -> datetime:
    """Return the moment so many seconds later; a span that is longer than any may be counts as the longest.

    What was stored before there was a bound, or past the form, stops no tick.
    """
    return moment + timedelta(seconds=min(seconds, LONGEST_SPAN))
