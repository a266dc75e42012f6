"""What is made of the samples of all launches: pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from pool.sessions.timings import percentile

FLOOR, COLD, STANDBY, HUB = KINDS = ("floor", "cold", "standby", "hub")
ONE, TEN, TWENTY, CLASS = OCCASIONS = ("one at a time", "10 at once", "20 at once", "60, one each second")


@dataclass(frozen=True)
class Run:
    """One kind's launches on one occasion, begun together or in their rhythm."""

    occasion: str
    kind: str
    seconds: list[float]  # of each that answered
    failed: list[str]  # why others did not
    load: tuple[float, ...] = field(default=())  # the machine's averages when it began
    cpu: dict[str, float] = field(default_factory=dict)  # seconds, by part of the manager; of all launches together


@dataclass(frozen=True)
class Told:
    """How soon it was told of sessions that had to wait that they do."""

    seconds: list[float]  # from the request to an answer that says so
    failed: list[str] = field(default_factory=list)  # which were not told


def figures(runs: Sequence[Run], told: Told) -> dict[str, float]:
    """Return the figures; those of a kind that was not there are absent.

    "last" is the slowest of a burst, from its own request on; of several bursts the median. What failed has no time,
    and is counted: ``failed`` of ours, ``failed_floor`` and ``failed_hub`` of the others.
    """
    found: dict[str, float | None] = {
        "cold_p50_s": _p50(runs, ONE, COLD),
        "floor_p50_s": _p50(runs, ONE, FLOOR),
        "hub_p50_s": _p50(runs, ONE, HUB),
        "cold_vs_floor": _ratio(_p50(runs, ONE, COLD), _p50(runs, ONE, FLOOR)),
        "cold_vs_hub": _ratio(_p50(runs, ONE, COLD), _p50(runs, ONE, HUB)),
        "standby_p50_s": _p50(runs, ONE, STANDBY),
        "standby_p95_s": _percentile(runs, ONE, STANDBY, 95),
        "burst20_last_s": _last(runs, TWENTY, COLD),
        "class60_last_s": _last(runs, CLASS, COLD),
        "burst20_queued_told_s": max(told.seconds, default=None),
        "burst20_cpu_s": _cpu_of_each(runs, TWENTY, COLD),
        "burst20_standby_cpu_s": _cpu_of_each(runs, TWENTY, STANDBY),
    }
    for name, occasion in {"burst10": TEN, "burst20": TWENTY, "class60": CLASS}.items():
        for other in (FLOOR, HUB):
            ratio = _ratio(_last(runs, occasion, COLD), _last(runs, occasion, other))
            found[f"{name}_last_vs_{other}"] = ratio
        found[f"{name}_standby_last_s"] = _last(runs, occasion, STANDBY)
    known = {name: round(value, 3) for name, value in found.items() if value is not None}
    return known | failures(runs, told)


def failures(runs: Iterable[Run], told: Told) -> dict[str, float]:
    """Count what failed."""
    counts = {"failed": len(told.failed), "failed_floor": 0, "failed_hub": 0}
    for run in runs:
        counts["failed" if run.kind in (COLD, STANDBY) else f"failed_{run.kind}"] += len(run.failed)
    return dict(counts)


def by_occasion(runs: Sequence[Run]) -> dict[str, dict[str, list[float]]]:
    """Return all seconds by occasion and kind, for a picture."""
    panels: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        panels.setdefault(run.occasion, {}).setdefault(run.kind, []).extend(run.seconds)
    return panels


def _all(runs: Iterable[Run], occasion: str, kind: str) -> list[float]:
    return sorted(second for run in _of(runs, occasion, kind) for second in run.seconds)


def _of(runs: Iterable[Run], occasion: str, kind: str) -> list[Run]:
    return [run for run in runs if (run.occasion, run.kind) == (occasion, kind)]


def _p50(runs: Iterable[Run], occasion: str, kind: str) -> float | None:
    found = _all(runs, occasion, kind)
    return median(found) if found else None


def _percentile(runs: Iterable[Run], occasion: str, kind: str, percent: int) -> float | None:
    found = _all(runs, occasion, kind)
    return percentile(found, percent) if found else None


def _last(runs: Iterable[Run], occasion: str, kind: str) -> float | None:
    slowest = [max(run.seconds) for run in _of(runs, occasion, kind) if run.seconds]
    return median(slowest) if slowest else None


def _cpu_of_each(runs: Iterable[Run], occasion: str, kind: str) -> float | None:
    """The manager's processor seconds for each launch, what it takes at rest included; of several bursts the median."""
    each = [sum(run.cpu.values()) / len(run.seconds) for run in _of(runs, occasion, kind) if run.cpu and run.seconds]
    return median(each) if each else None


def _ratio(ours: float | None, others: float | None) -> float | None:
    return ours / others if ours and others else None
