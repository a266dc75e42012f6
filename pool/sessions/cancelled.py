"""Whether a session is cancelled: what was asked for and cancelled, beside what stands.

Everything here goes by what Prefect's server says of the runs of provision-instance that a session has, whose moments
are all of that server's clock. A worker's clock, which may be minutes from it, decides nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pool.records import Instance
from pool.states import BEGINNING, InstanceState

#: How the keys of runs begin that the manager asks for when a session has room. No platform's does by chance.
BY_MANAGER = "manager:start-"


class StartState(StrEnum):
    """What became of a run that was to start a session."""

    UNDER_WAY = "under way"  # it will begin, or has begun
    ANSWERED = "answered"  # it has said where the session is, or that it waits
    REFUSED = "refused"  # it has said that there will be none; or it was lost, and said nothing
    CANCELLED = "cancelled"  # it is, or is being so


@dataclass(frozen=True)
class StartRun:
    """A run of provision-instance for one session."""

    id: str
    state: StartState
    since: datetime  # in that state
    asked_at: datetime | None = None  # when it was to begin
    by_manager: bool = False  # a session of the queue got room: it stands for a request that was answered before


def is_cancelled(runs: Iterable[StartRun], accepted: datetime | None = None) -> bool:
    """Whether a session is to end since a run that was to start it was cancelled, and no other one stands beside that.

    Each request that Prefect's API accepted is kept, also where it is the second one for the session: a platform that
    cancels one of the two keeps what it got by the other. A run that the manager asked for has taken over what the
    requests before it were answered: with it, the start as such is cancelled.

    Args:
        runs: all of provision-instance that the session has.
        accepted: when the request was accepted by which the session is on record. Where no run has that moment, it was
            a request for several, or its run is deleted by now: it stands. None: not known.
    """
    known = list(runs)
    if accepted and all(run.asked_at != accepted for run in known):
        known.append(StartRun("", StartState.ANSWERED, accepted))
    cancelled = [run for run in known if run.state is StartState.CANCELLED]
    return any(not any(_stands(run, beside) for run in known) for beside in cancelled)


def _stands(run: StartRun, beside: StartRun) -> bool:
    """Whether a run keeps a session from ending with one that was cancelled."""
    if run.state is StartState.UNDER_WAY:
        return beside.by_manager or not run.by_manager
    if run.state is not StartState.ANSWERED:
        return False
    return run.since > beside.since or not (beside.by_manager or run.by_manager)


def ends_with_run(instance: Instance, run: str, holder: str | None) -> bool:
    """Whether a session that is cancelled is as far as a run's end may take it along.

    Args:
        instance: the session, as it is now.
        run: the cancelled run, as it holds leases.
        holder: who holds the lease by which one run at a time starts the session; None: no run does.
    """
    return instance.state in BEGINNING or (instance.state is InstanceState.RUNNING and holder == run)
