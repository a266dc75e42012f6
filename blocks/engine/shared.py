"""The connections to engines that all callers of this process share: kept while they are used, closed after that."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from blocks.engine.connection import Connections, EngineIdentity

#: Seconds after which an engine that no caller asked for loses its connections: housekeeping asks for every host's
#: engine twice a minute, so its host was removed.
UNUSED_SECONDS = 900.0
LOOK_SECONDS = 60.0


@dataclass
class _Kept:
    connections: Connections
    identity: EngineIdentity
    used_at: float


class SharedConnections:
    """Connections by the engine that they lead to; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()
        self._looked_at = clock()

    def of(
        self, url: str, host: str, identity: EngineIdentity, look_again: Callable[[], EngineIdentity] | None = None
    ) -> Connections:
        """The connections to the engine at *url*; those that were made with another identity are closed.

        Args:
            url: "https://10.1.2.3:2376".
            host: the host's name, for messages.
            identity: today's certificates; a new one is issued every day.
            look_again: see `HostEngine.connect`.
        """
        with self._lock:
            found = self._kept.get((url, host))
            outdated = self._unused()
            if found and found.identity != identity:
                outdated.append(found.connections)
            if not found or found.connections in outdated:
                found = self._kept[url, host] = self._new(url, host, identity, look_again)
            found.used_at = self._clock()
        for connections in outdated:
            connections.retire()
        return found.connections

    def _new(
        self, url: str, host: str, identity: EngineIdentity, look_again: Callable[[], EngineIdentity] | None
    ) -> _Kept:
        return _Kept(Connections(url, host, identity, look_again), identity, self._clock())

    def _unused(self) -> list[Connections]:
        """Take out the connections that no caller asked for lately; a look at all of them once a minute is enough."""
        now = self._clock()
        if now - self._looked_at < LOOK_SECONDS:
            return []
        self._looked_at = now
        unused = [key for key, kept in self._kept.items() if now - kept.used_at > UNUSED_SECONDS]
        return [self._kept.pop(key).connections for key in unused]
