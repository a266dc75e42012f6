"""What must travel to bring an image to a host, how fast it may go, and how far a distribution is."""

import hashlib
import threading
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pool.printable import how_many
from pool.records import Image


def chain_ids(diff_ids: Iterable[str]) -> list[str]:
    """Chain ids of a stack of layers, base first: each names its layer and all below it."""
    chains: list[str] = []
    for diff_id in diff_ids:
        chains.append("sha256:" + hashlib.sha256(f"{chains[-1]} {diff_id}".encode()).hexdigest() if chains else diff_id)
    return chains


def missing_layers(layers: Sequence[str], present: Container[str]) -> tuple[str, ...]:
    """Layers of an image that an engine lacks.

    Engines know a layer by its chain, the layer and all below it: one that is there above another parent must be sent
    again.

    Args:
        layers: diff ids of the image, base first.
        present: chain ids that the engine has.

    Returns:
        Diff ids, base first, each once.
    """
    chains = zip(chain_ids(layers), layers, strict=True)
    return tuple(dict.fromkeys(diff_id for chain, diff_id in chains if chain not in present))


@dataclass
class Throttle:
    """Spreads bytes over time. Time not used is not saved up: after a pause there is no burst."""

    bytes_per_second: float  # 0: no limit
    _free_at: float = 0.0

    def wait_for(self, size: int, now: float) -> float:
        """Reserve the way for *size* bytes; seconds until they may go, on the clock of *now*."""
        if not self.bytes_per_second:
            return 0.0
        start = max(now, self._free_at)
        self._free_at = start + size / self.bytes_per_second
        return start - now


@dataclass(frozen=True)
class DistributionProgress:
    """How far a distribution is. Sizes are bytes as they travel."""

    hosts: int
    done: int  # hosts that have all, or are given up
    expected: int  # bytes of all layers for all hosts
    sent: int
    skipped: int  # of layers that were there
    seconds: float

    @property
    def percent(self) -> float:
        """0 to 100; 100 only when every host is done."""
        if self.done == self.hosts:
            return 100.0
        settled = self.sent + self.skipped  # a layer that was sent twice, after a broken connection, counts twice
        return min(99.0, 100.0 * settled / max(self.expected, settled, 1))

    def __str__(self) -> str:
        rate = self.sent / 1e6 / max(self.seconds, 0.1)
        return (
            f"{self.done} of {how_many(self.hosts, 'host')} done, {self.sent / 1e6:.1f} MB sent ({rate:.1f} MB/s),"
            f" {self.skipped / 1e6:.1f} MB were already there, {self.seconds:.0f} s"
        )


class DistributionTally:
    """What a distribution came to so far, host by host. Many threads count at once.

    Args:
        hosts: how many are to get images.
        expected: bytes that would travel if none of them had anything.
    """

    def __init__(self, hosts: int = 1, expected: int = 0) -> None:
        self._hosts, self._expected = hosts, expected
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._skipped: Counter[tuple[str, str]] = Counter()
        self._done = 0

    def count_sent(self, host: str, size: int) -> None:
        """Count bytes sent to the host, also when the connection broke afterwards."""
        with self._lock:
            self._sent[host] += size

    def count_skipped(self, host: str, image_id: str, size: int) -> None:
        """Count bytes of the image that need not be sent; a second attempt counts in place of the first."""
        with self._lock:
            self._skipped[host, image_id] = size

    def count_done(self) -> None:
        """Count one more host that has all, or has failed."""
        with self._lock:
            self._done += 1

    def of(self, host: str) -> tuple[int, int]:
        """Bytes sent to the host, and skipped."""
        with self._lock:
            return self._sent[host], sum(size for (name, _), size in self._skipped.items() if name == host)

    def progress(self, seconds: float) -> DistributionProgress:
        """How far it is, after *seconds*."""
        with self._lock:
            sent, skipped = self._sent.total(), self._skipped.total()
            return DistributionProgress(self._hosts, self._done, self._expected, sent, skipped, seconds)


def image_table(images: Iterable[Image], holders: Mapping[str, Container[str]]) -> list[dict[str, str]]:
    """Images by hosts, for people.

    Args:
        images: the rows.
        holders: ids of the images that a host has, by its name.
    """
    return [
        {"image": image.name, "id": image.id[7:19]}
        | {host: "there" if image.id in ids else "missing" for host, ids in holders.items()}
        for image in images
    ]
