"""Runs are taken once: a change to the rules by which Prefect's server lets a worker take one."""

from prefect.server import models  # noqa: F401 - the rules import it in a circle that begins here
from prefect.server.orchestration.core_policy import PreventPendingTransitions
from prefect.server.schemas.states import StateType

OVER = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED)


def take_runs_once() -> None:
    """Have this process's Prefect server let no worker take a run that is over; who runs it again schedules it first.

    Prefect guards a run that is pending, running or cancelled. One that is over it lets become pending, where its
    result is not kept: of two workers that found a run, the one that came to it late ran it a second time.
    """
    PreventPendingTransitions.FROM_STATES = {*PreventPendingTransitions.FROM_STATES, *OVER}
