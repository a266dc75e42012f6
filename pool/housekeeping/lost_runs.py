"""Which flow runs have lost their worker, and what follows for each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pool.printable import how_many

#: Seconds in a state in which a living worker keeps a run for moments only.
PENDING_SECONDS, CANCELLING_SECONDS = 600, 300
#: Seconds without a heartbeat; a living run sends two a minute, from a thread of its own.
SILENT_SECONDS = 600


#: Times that a run which lost its worker is run again: it may be the run itself that kills its workers.
MOST_RERUNS = 3
#: In the message of each such rerun: an operator's own retry looks alike and does not count.
RERUN_MARK = "it is run again ("


class Follows(StrEnum):
    """What becomes of a run that lost its worker."""

    RERUN = "run again"
    CANCELLED = "cancelled"
    CRASHED = "crashed"
    FAILED = "failed"


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


def what_follows(reason: str, *, cancelling: bool, by_schedule: bool, reruns: int) -> tuple[Follows, str]:
    """What becomes of a run that lost its worker, with the sentence that its state says.

    A request is kept: every pipeline is safe to repeat. A run that a schedule made is not: the next one is due soon.

    Args:
        reason: how it was lost, as in "its worker process died while it ran".
        cancelling: its cancellation was under way.
        by_schedule: a schedule asked for it, no platform or operator.
        reruns: times that it was run again already.
    """
    lost_how = reason[:1].upper() + reason[1:]
    if cancelling:
        return Follows.CANCELLED, f"Flow run was cancelled; {reason}."
    if by_schedule:
        return Follows.CRASHED, f"{lost_how}; the next run of its schedule goes on."
    if reruns < MOST_RERUNS:
        return Follows.RERUN, f"{lost_how}; {RERUN_MARK}{reruns + 1} of {MOST_RERUNS})."
    return Follows.FAILED, f"{lost_how}; it was run again {how_many(reruns, 'time')}, and is given up."
