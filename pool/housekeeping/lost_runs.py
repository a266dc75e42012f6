"""Which flow runs have crashed, so that what they held can go on without them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: Seconds in a state in which a living worker keeps a run for moments only.
PENDING_SECONDS, CANCELLING_SECONDS = 600, 300
#: Seconds without a heartbeat; a living run sends two a minute, from a thread of its own.
SILENT_SECONDS = 600


class RunState(StrEnum):
    """The state of a run as Prefect records it."""

    PENDING = "pending"
    RUNNING = "running"
    CANCELLING = "cancelling"


@dataclass(frozen=True)
class SeenRun:
    """One flow run that has not ended, as Prefect records it."""

    id: str
    name: str
    state: RunState
    since: datetime  # in this state
    heartbeat: datetime | None = None  # the last one; None: none was ever heard of
    longest: int | None = None  # seconds that a run of its flow can take; None: not known


def lost(run: SeenRun, now: datetime) -> str:
    """Return why the run counts as crashed; empty: it may well be alive."""
    waited = (now - run.since).total_seconds()
    if run.state is RunState.PENDING and waited > PENDING_SECONDS:
        return f"pending for {waited:.0f} s: the worker that took it never began it"
    if run.state is RunState.CANCELLING and waited > CANCELLING_SECONDS:
        return f"being cancelled for {waited:.0f} s: the worker that should end it is gone"
    return _why_silent(run, waited, now) if run.state is RunState.RUNNING else ""


def _why_silent(run: SeenRun, waited: float, now: datetime) -> str:
    """Judge by the heartbeat; by the longest time that the flow can take where none was ever received."""
    if run.heartbeat is None:
        over = run.longest is not None and waited > run.longest
        return f"running for {waited:.0f} s, longer than it can take" if over else ""
    silent = (now - max(run.heartbeat, run.since)).total_seconds()
    return f"no heartbeat for {silent:.0f} s: its worker died" if silent > SILENT_SECONDS else ""
