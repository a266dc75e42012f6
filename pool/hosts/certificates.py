"""When a certificate is renewed, when the authority is, and when an operator is told that one runs out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pool.moments import minute
from pool.printable import how_many

WARNED = timedelta(days=30)  # before the end of a certificate that an operator is told of
#: Before the end of the authority's, which another one follows then: two lives of a host's certificate, which holds no
#: longer than the authority's and would be renewed ever more often.
AUTHORITY_FOLLOWED = timedelta(days=730)


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate holds."""

    since: datetime
    until: datetime

    @property
    def renewed_from(self) -> datetime:
        """When it is to be renewed: with a third of its life left, however long that is."""
        return self.until - (self.until - self.since) / 3


@dataclass(frozen=True)
class OperatorsCertificate:
    """One that an operator renews."""

    what: str  # "the gateway's certificate /etc/tls/notebooks.pem"
    until: datetime
    fix: str  # "put another one there and run `dockerdriver gateway reload`"
    wrong: str = ""  # what else speaks against it, in a sentence; empty: nothing


def authority_follow_up(until: datetime | None, now: datetime) -> str:
    """Return the key of the rotation that is to begin, one a day until it is done; empty: there is time.

    Args:
        until: when the authority's certificate ends; None: there is none yet.
        now: what the clock says.
    """
    return f"authority-ends-{now:%Y-%m-%d}" if until and until - now <= AUTHORITY_FOLLOWED else ""


def running_out(certificates: Iterable[OperatorsCertificate], now: datetime) -> list[str]:
    """One sentence for each certificate that runs out within ``WARNED``, has run out or is wrong, with what to do."""
    told = (one for one in certificates if one.wrong or one.until - now <= WARNED)
    ending = sorted(told, key=lambda one: one.until)
    return [f"{one.wrong or f'{one.what} {_when(one.until, now)}'}: {one.fix}" for one in ending]


def _when(until: datetime, now: datetime) -> str:
    day = f"on {minute(until)}"
    return f"has run out {day}" if until <= now else f"runs out {day}, in {how_many((until - now).days, 'day')}"
