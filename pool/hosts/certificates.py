"""When a certificate is renewed, and when an operator is told that one runs out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pool.moments import minute

WARNED = timedelta(days=30)  # before the end of a certificate that only an operator renews


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


def running_out(certificates: Iterable[OperatorsCertificate], now: datetime) -> list[str]:
    """One sentence for each certificate that runs out within ``WARNED``, or has run out, with what to do."""
    ending = sorted((one for one in certificates if one.until - now <= WARNED), key=lambda one: one.until)
    return [f"{one.what} {_when(one.until, now)}: {one.fix}" for one in ending]


def _when(until: datetime, now: datetime) -> str:
    day = f"on {minute(until)}"
    return f"has run out {day}" if until <= now else f"runs out {day}, in {(until - now).days} days"
