"""What of ours lies in a cloud without a living record: reported by one tick, removed by a later one."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from pool.records import Host


@dataclass(frozen=True)
class CloudPart:
    """One thing in a cloud that carries our mark. It belongs to a host; or, without one, to a pool; or to all pools."""

    kind: str  # "server", "port", "volume", "host image", "network", "security group", "keypair", "server group"
    id: str
    name: str
    pool: str | None = None  # None: not written on it
    host: str | None = None

    def __str__(self) -> str:
        """As in "port main-01 (3f0c…)"."""
        return f"{self.kind} {self.name} ({self.id})"

    @property
    def of_pool(self) -> str | None:
        """The pool that looks after it; None: any."""
        return self.pool or (self.host and self.host.rpartition("-")[0]) or None

    @property
    def orphan_id(self) -> str:
        """As in "port/main/main-01/3f0c…": enough to remove it by."""
        return f"{self.kind}/{self.of_pool or '-'}/{self.host or '-'}/{self.id}"


def part_of(orphan: str) -> CloudPart:
    """Return the part that an id of `CloudPart.orphan_id` names."""
    kind, pool, host, part = orphan.split("/", 3)
    return CloudPart(kind, part, host if host != "-" else pool, _unless_dash(pool), _unless_dash(host))


def _unless_dash(word: str) -> str | None:
    return None if word == "-" else word


def orphans(parts: Iterable[CloudPart], living: Mapping[str, Host]) -> list[CloudPart]:
    """Those without a living record.

    Args:
        parts: what the cloud holds.
        living: all hosts, of all pools, that may have a server, by name: every one that is not removed.
    """
    pools = {host.pool for host in living.values()}
    return [part for part in parts if not _lives(part, living, pools)]


def lives(part: CloudPart, living: Mapping[str, Host]) -> bool:
    """Whether a living record speaks of the part; what all pools share lives as long as any host."""
    return not orphans([part], living)


def _lives(part: CloudPart, living: Mapping[str, Host], pools: Set[str]) -> bool:
    if part.host is not None:
        return part.host in living and not _is_second_server(part, living[part.host])
    return bool(living) if part.pool is None else part.pool in pools


def _is_second_server(part: CloudPart, host: Host) -> bool:
    """Whether the host is on record with another server: two processes made it at once, and the one's end was lost."""
    return part.kind == "server" and host.server_id not in (None, part.id)
