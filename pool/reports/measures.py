"""What is measured of the pools for Prometheus: numbers with their labels, from records alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pool.records import Host, Image, Instance
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, EndCause, HostState

PREFIX = "dockerdriver_"
#: Upper bounds in seconds of the launches' histogram.
LAUNCH_BOUNDS = (15, 30, 60, 120, 180, 300, 600, 1200)


@dataclass(frozen=True)
class Measure:
    """One number."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True)
class PoolRecords:
    """What is on record of one pool."""

    name: str
    hosts: Sequence[Host]  # recent ones, in any state
    sessions: Sequence[Instance]  # that live
    failed: Mapping[EndCause, int]  # sessions of the last day, by cause
    images: Sequence[Image]  # that are offered
    most_hosts: int
    left_undone: bool  # whether a tick of the last minutes left something undone


def measures_of(pool: PoolRecords, now: datetime) -> list[Measure]:
    """Return all that is measured of a pool; each state has a number, also 0."""
    return [*_of_hosts(pool), *_of_sessions(pool, now), *_of_images(pool)]


def launches(hosts: Iterable[Host]) -> list[float]:
    """Return the seconds that each host took from its record to its first moment in service."""
    return [(host.active_at - host.created_at).total_seconds() for host in hosts if host.active_at]


def buckets(seconds: Iterable[float]) -> list[tuple[str, float]]:
    """Return how many were at most as long as each bound, as Prometheus's histograms count, ``+Inf`` last."""
    taken = list(seconds)
    counted = [(str(bound), float(sum(one <= bound for one in taken))) for bound in LAUNCH_BOUNDS]
    return [*counted, ("+Inf", float(len(taken)))]


def _of_hosts(pool: PoolRecords) -> list[Measure]:
    here, living = {"pool": pool.name}, [host for host in pool.hosts if host.state in LIVING_HOSTS]
    states = Counter(host.state for host in living)
    by_state = [
        Measure("hosts", "Hosts by state.", states[state], here | {"state": str(state)})
        for state in HostState
        if state in LIVING_HOSTS
    ]
    sums = {
        ("hosts_max", "Most hosts that the pool may have."): pool.most_hosts,
        ("hosts_unreachable", "Hosts whose engine does not answer."): sum(bool(h.unreachable_since) for h in living),
        ("host_errors", "Errors in a row, over all hosts."): sum(host.errors for host in living),
        ("slots", "Slots of all hosts."): sum(host.slots for host in living),
        ("slots_used", "Slots that sessions hold."): sum(host.reserved for host in living),
        ("slots_standby", "Slots that standbys hold; of those that are free."): sum(host.standby for host in living),
        ("slots_free", "Slots that a session could have now."): sum(host.room for host in living),
        ("left_undone", "1 where a tick of the last minutes left something undone."): pool.left_undone,
    }
    return by_state + [Measure(name, text, float(value), here) for (name, text), value in sums.items()]


def _of_sessions(pool: PoolRecords, now: datetime) -> list[Measure]:
    here, states = {"pool": pool.name}, Counter(session.state for session in pool.sessions)
    waits = [(now - one.created_at).total_seconds() for one in pool.sessions if one.state == "queued"]
    return [
        *(
            Measure("sessions", "Living sessions by state.", states[state], here | {"state": str(state)})
            for state in sorted(LIVING_INSTANCES)
        ),
        *(
            Measure("sessions_failed_day", "Sessions that failed within a day.", number, here | {"cause": cause})
            for cause, number in sorted(pool.failed.items())
        ),
        Measure("queue_longest_wait_seconds", "How long the first in the queue waits.", max(waits, default=0), here),
    ]


def _of_images(pool: PoolRecords) -> list[Measure]:
    here, size = {"pool": pool.name}, sum({image.id: image.size for image in pool.images}.values())
    return [
        Measure("images", "Images that the pool offers.", len(pool.images), here),
        Measure("image_bytes", "Bytes of the archives of these.", size, here),
    ]
