"""What of ours lies in a cloud without a living record: reported by one tick, removed by a later one."""

from collections.abc import Iterable, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class CloudPart:
    """One thing in a cloud that carries our mark. It belongs to a host; or, without one, to a pool; or to all pools."""

    kind: str  # "server", "port", "volume", "network", "security group", "keypair" or "server group"
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
    def stray_id(self) -> str:
        """As in "port/main/main-01/3f0c…": enough to remove it by."""
        return f"{self.kind}/{self.of_pool or '-'}/{self.host or '-'}/{self.id}"


def part_of(stray: str) -> CloudPart:
    """The part that an id of `CloudPart.stray_id` names."""
    kind, pool, host, part = stray.split("/", 3)
    return CloudPart(kind, part, host if host != "-" else pool, _unless_dash(pool), _unless_dash(host))


def _unless_dash(word: str) -> str | None:
    return None if word == "-" else word


def orphans(parts: Iterable[CloudPart], hosts: Set[str], pools: Set[str]) -> list[CloudPart]:
    """Those without a living record.

    Args:
        parts: what the cloud holds.
        hosts: names of all hosts, of all pools, that may have a server: every one that is not removed.
        pools: names of the pools that these are of.
    """
    return [part for part in parts if not lives(part, hosts, pools)]


def lives(part: CloudPart, hosts: Set[str], pools: Set[str]) -> bool:
    """Whether a living record speaks of the part; what all pools share lives as long as any host."""
    if part.host is not None:
        return part.host in hosts
    return part.pool in pools if part.pool is not None else bool(hosts)
