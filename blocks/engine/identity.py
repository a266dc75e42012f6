"""What the manager proves itself with to engines: a certificate of today, by the authority of now."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Lock

from blocks.engine.connection import EngineIdentity
from blocks.stored.authority import CertificateAuthority
from blocks.stored.documents.stored_blocks import StoredBlocks

CLIENT_DAYS = 30
LOOK_SECONDS = 10.0  # at least, between two looks at the stored authority for engines that are not believed


class ManagerIdentity:
    """Issued once a day: a worker that runs for months is not left with an expired one. Safe for many threads.

    Args:
        stored: where the authority is.
        clock: seconds that only grow.
    """

    def __init__(self, stored: StoredBlocks, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored, self._clock = stored, clock
        self._lock = Lock()
        self._looked_at = float("-inf")
        self._day: date | None = None
        self._authority = ""
        self._identity: EngineIdentity | None = None

    def today(self) -> EngineIdentity:
        """Return it; the authority is looked at when the day is a new one."""
        with self._lock:
            today = datetime.now(UTC).date()
            if self._identity is None or today != self._day:
                self._day, self._identity = today, self._issued(self._stored.authority())
            return self._identity

    def looked_at_again(self) -> EngineIdentity:
        """Return it, by another authority where that was rotated: an engine and we do not believe each other."""
        with self._lock:
            if self._identity is None or self._clock() - self._looked_at > LOOK_SECONDS:
                authority = self._stored.authority()
                if self._identity is None or authority.trusted != self._authority:
                    self._day, self._identity = datetime.now(UTC).date(), self._issued(authority)
                self._looked_at = self._clock()
            return self._identity

    def forget(self) -> None:
        """Issue another one at the next call."""
        with self._lock:
            self._identity = None

    def _issued(self, authority: CertificateAuthority) -> EngineIdentity:
        client = authority.issue_client("manager", days=CLIENT_DAYS)
        self._authority = authority.trusted
        return EngineIdentity(authority.trusted, client.certificate, client.private_key)
