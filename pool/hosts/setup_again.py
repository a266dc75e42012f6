"""Which hosts in service are configured again: their pool's settings are others now, or they are due for a test."""

from collections.abc import Iterable, Set
from datetime import datetime

from pool.hosts.escapes import is_due
from pool.records import Host
from pool.settings import PoolSettings
from pool.states import HostState

#: Seconds between two tries with one host. Its sessions go on meanwhile.
PAUSE = 600


def to_configure_again(hosts: Iterable[Host], settings: PoolSettings, busy: Set[str], now: datetime) -> frozenset[str]:
    """Names of the next hosts to be configured again, no more at once than may be spawned at once.

    A host without a recorded setup is left alone: it was not configured by a flow run that knows of setups.

    Args:
        hosts: of one pool.
        settings: as they are now.
        busy: names of hosts that a flow run works on.
        now: the moment of asking.
    """
    wanted, free = settings.setup_version, max(0, settings.max_spawns - len(busy))
    outdated = [host.name for host in hosts if _is_outdated(host, wanted, now) and host.name not in busy]
    return frozenset(outdated[:free])


def _is_outdated(host: Host, wanted: str, now: datetime) -> bool:
    if host.state is not HostState.ACTIVE or not host.setup or host.unreachable_since:
        return False
    if host.setup == wanted:
        return is_due(host, now)
    return host.repaired_at is None or (now - host.repaired_at).total_seconds() >= PAUSE
