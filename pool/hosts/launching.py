"""What is known of a pool's launches: how long they take, whether they fail, and when the next one may be tried.

All of it is read from the records of hosts, which say how each one began.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from statistics import median

from pool.errors import CloudRefused, DockerDriverError
from pool.hosts.backoff import pause
from pool.printable import how_many
from pool.records import Fault, Host

BREAKER_AFTER = 3  # hosts in a row that could not be configured
FIRST_TRIAL, LONGEST_TRIAL = 300, 3600  # seconds from the last failure until one host is tried
LONGEST_WAIT = 1800  # seconds before the cloud is asked again
MEASURED = 20  # latest launches that the usual time is taken from
USUAL = timedelta(minutes=5)  # taken for the time from spawn to active while none was measured
FEW = 5  # launches: with fewer measured, the slowest of them says little
LEAST_LEAD, LONGEST_LEAD = timedelta(minutes=10), timedelta(hours=1)  # the former while few were measured
SPARE = timedelta(minutes=2)  # until the next tick, and for a host that has to make way first


@dataclass(frozen=True)
class Setback:
    """Launches that failed, one after the other."""

    until: datetime  # the next one is tried then
    because: str  # what the last one failed with


@dataclass(frozen=True)
class _Failure:
    """A launch that failed."""

    host: Host
    at: datetime


def launch_troubles(hosts: Iterable[Host], now: datetime) -> list[str]:
    """One sentence for each pool that spawns no hosts at present, though it may want some."""
    pools: dict[str, list[Host]] = {}
    for host in hosts:
        pools.setdefault(host.pool, []).append(host)
    return [f"Pool {pool}: {why}" for pool, theirs in sorted(pools.items()) if (why := _trouble(theirs, now))]


def _trouble(hosts: Sequence[Host], now: datetime) -> str:
    return why_held(hosts, now) or breaker_words(hosts, now)


def why_held(hosts: Sequence[Host], now: datetime) -> str:
    """Return why this pool spawns nothing now, judging by its launches; empty when it may."""
    open_, failing = breaker(hosts), setback(hosts)
    if open_ and open_.until > now:
        return breaker_words(hosts, now)
    waits = f"the cloud is asked again at {failing.until:%H:%M:%S} UTC: {failing.because}" if failing else ""
    return waits if failing and failing.until > now else ""


def breaker_words(hosts: Sequence[Host], now: datetime) -> str:
    """Say why the circuit breaker is open and when a host is tried; empty while it is closed."""
    open_ = breaker(hosts)
    if open_ is None:
        return ""
    trial = f"at {open_.until:%H:%M:%S} UTC" if open_.until > now else "now"
    return (
        f"circuit breaker: {open_.because}; one host is tried {trial}, reset-breaker lets the pool spawn again at once"
    )


def launches_fail(hosts: Sequence[Host]) -> bool:
    """Whether no new host can be counted on, also while one is tried: the latest launches failed."""
    return bool(setback(hosts) or breaker(hosts))


def fault_of(error: BaseException) -> Fault | None:
    """Classify the error that ended a launch; None: it says nothing of the cloud (cancelled, or a bug)."""
    if isinstance(error, CloudRefused):
        return Fault.REFUSED
    return Fault.LAUNCH if isinstance(error, DockerDriverError) else None


def time_to_active(hosts: Iterable[Host]) -> timedelta:
    """How long this pool's hosts take from spawn to active: the median of the latest."""
    seconds = _measured(hosts)
    return timedelta(seconds=median(seconds)) if seconds else USUAL


def lead(hosts: Iterable[Host]) -> timedelta:
    """How long before they are wanted hosts are spawned, so that the slowest is there in time.

    By the slowest of the latest launches: where several hosts are wanted at a moment, half of them would be late by the
    median.
    """
    seconds = _measured(hosts)
    slowest = timedelta(seconds=max(seconds, default=0)) + SPARE
    return min(slowest if len(seconds) >= FEW else max(slowest, LEAST_LEAD), LONGEST_LEAD)


def _measured(hosts: Iterable[Host]) -> list[float]:
    active = sorted((host.active_at, host.created_at) for host in hosts if host.active_at)[-MEASURED:]
    return [(at - created).total_seconds() for at, created in active]


def setback(hosts: Sequence[Host]) -> Setback | None:
    """Whether the cloud fails us at present. One host that answers is enough to forget what was before.

    Each further round waits twice as long, and some of that by chance, so that managers of one cloud do not come back
    together. A cloud that refuses (a quota, a flavor that it does not know) is asked again after the longest wait.
    """
    failed = _failed(hosts, (Fault.REFUSED, Fault.LAUNCH), since=_latest(host.answered_at for host in hosts))
    if not failed:
        return None
    last = failed[-1]
    refused = last.host.fault is Fault.REFUSED
    wait = LONGEST_WAIT if refused else pause(_rounds(failed) - 1, longest=LONGEST_WAIT)
    return Setback(last.at + timedelta(seconds=wait * _jitter(last)), last.host.last_error)


def breaker(hosts: Sequence[Host]) -> Setback | None:
    """Whether the circuit breaker is open, and when one host is tried (half-open); None while it is closed.

    A playbook that fails on every new host would burn machines for ever; but what it fails of may pass by itself, as a
    mirror that is down. So one host at a time is tried, after a wait that each trial doubles, up to an hour. A host
    that becomes active closes the breaker, and so does the operator, by forgiving the hosts that failed.
    """
    broken = _failed(hosts, (Fault.CONFIGURING,), since=_latest(host.active_at for host in hosts))
    if len(broken) < BREAKER_AFTER:
        return None
    opened, last = broken[BREAKER_AFTER - 1], broken[-1]
    trials = sum(one.host.created_at > opened.at for one in broken)
    wait = min(FIRST_TRIAL * 2.0 ** min(trials, 20), LONGEST_TRIAL) * _jitter(last)
    because = f"{how_many(len(broken), 'host')} in a row could not be configured, the last: {last.host.last_error}"
    return Setback(last.at + timedelta(seconds=wait), because)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, moments), default=None)


def _failed(hosts: Iterable[Host], faults: tuple[Fault, ...], since: datetime | None) -> list[_Failure]:
    """Return the hosts that failed in this way after the last success, in the order in which they did."""
    failed = (_Failure(host, host.last_error_at) for host in hosts if host.fault in faults and host.last_error_at)
    return sorted((one for one in failed if since is None or one.at > since), key=lambda one: one.at)


def _rounds(failed: Sequence[_Failure]) -> int:
    """How often it was tried: a launch begun before another one failed belongs to that one's round."""
    begun_later = (this.host.created_at > before.at for before, this in pairwise(failed))
    return 1 + sum(begun_later)


def _jitter(failed: _Failure) -> float:
    """Between a half and one, the same for the same failure."""
    drawn = sha256(f"{failed.host.name} {failed.at.isoformat()}".encode()).digest()
    return 0.5 + drawn[0] / 512
