"""Requests that Prefect's API answered with 201, and what became of each: served, refused, or lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pool.records import Instance
from pool.states import BEGINNING, ENDED, EndCause, InstanceState

FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Age(StrEnum):
    """How far a request is when it is struck."""

    POSTED = "posted"  # answered with 201 this very moment
    PENDING = "pending"  # a worker has it; no line of its flow has run
    RECORDED = "recorded"  # SQL knows it; it has no room yet
    STARTING = "starting"  # its container runs; nothing has looked whether it answers
    ENDING = "ending"  # its route is withdrawn; its container runs
    STRUCK = "struck"  # it is the one whose step the point names


class End(StrEnum):
    """What became of a request."""

    SERVED = "served"  # as was asked for, and its platform was told so
    REFUSED = "refused"  # with a reason, in the state of its run or of its session
    UNDER_WAY = "under way"
    LOST = "lost"


@dataclass(frozen=True)
class Request:
    """One accepted request."""

    age: Age
    session: str
    run: str  # id of its flow run
    ends: bool = False  # it asks for the end of the session
    of_another_kind: str = ""  # "to move", say: it asks for something of a session that is there

    def __str__(self) -> str:
        asks = self.of_another_kind or ("to end" if self.ends else "for")
        return f"{self.age} request {asks} {self.session}"


@dataclass(frozen=True)
class RunState:
    """A flow run as its platform sees it."""

    type: str
    message: str = ""
    finals: tuple[str, ...] = ()  # the final states of its history


def what_became(request: Request, run: RunState, session: Instance | None) -> tuple[End, str]:
    """Judge one request by its run's last state and its session's record; the second is why, in words."""
    if run.type not in FINAL:
        return End.UNDER_WAY, f"its run is {run.type}"
    if run.type in ("CRASHED", "CANCELLED"):
        return End.LOST, f"its run is {run.type}: {run.message}"
    if request.of_another_kind:
        return _of_another_kind(run)
    judge = _of_an_end if request.ends else _of_a_start
    return judge(run, session)


def _of_a_start(run: RunState, session: Instance | None) -> tuple[End, str]:
    completed = run.type == "COMPLETED"
    if session is None:
        return (End.LOST, "no record") if completed or not run.message else (End.REFUSED, run.message)
    if session.end_cause is EndCause.REQUESTED and completed:
        return End.SERVED, ""
    if session.state in ENDED:
        reason = session.reason or run.message
        return (End.REFUSED, reason) if reason else (End.LOST, f"it is {session.state} without a reason")
    if session.state is InstanceState.RUNNING:
        return (End.SERVED, "") if completed else (End.LOST, f"it runs, and its platform was told: {run.message}")
    if session.state in BEGINNING and not completed:
        return End.LOST, f"it is {session.state}, and its platform was told: {run.message}"
    return End.UNDER_WAY, f"it is {session.state}"


def _of_an_end(run: RunState, session: Instance | None) -> tuple[End, str]:
    if session is not None and session.state not in ENDED:
        gone_on = session.state is not InstanceState.RUNNING
        return (End.UNDER_WAY if gone_on else End.LOST), f"it is {session.state}: {run.message}"
    return (End.SERVED, "") if run.type == "COMPLETED" else (End.REFUSED, run.message)


def _of_another_kind(run: RunState) -> tuple[End, str]:
    """Its run alone says; whether that is true is looked at by what was struck."""
    if run.type == "COMPLETED":
        return End.SERVED, ""
    return (End.REFUSED, run.message) if run.message else (End.LOST, "its run failed without a reason")


def counted(ends: Iterable[End]) -> str:
    """In words: "5 served, 1 refused"."""
    found = Counter(ends)
    return ", ".join(f"{found[end]} {end}" for end in End if found[end]) or "none"


def told_twice(events: Iterable[dict], runs: Iterable[tuple[str, RunState]]) -> list[str]:
    """Which changes were told by two events, and which runs ended twice.

    Args:
        events: of Prefect's event stream, as its API gives them.
        runs: what each is about, and its state.
    """
    seen = Counter((one["resource"]["prefect.resource.id"], one["event"], one["occurred"]) for one in events)
    said = [
        f"{event} of {resource} was told {count} times" for (resource, event, _), count in seen.items() if count > 1
    ]
    return said + [
        f"the run of {about} ended {len(run.finals)} times: {', '.join(run.finals)}"
        for about, run in runs
        if len(run.finals) > 1
    ]


def state_of(states: Sequence[dict]) -> RunState:
    """Read the history of a run, as Prefect's API gives it."""
    in_order = sorted(states, key=lambda state: state["timestamp"])
    finals = tuple(state["name"] for state in in_order if state["type"] in FINAL)
    return RunState(in_order[-1]["type"], in_order[-1]["message"] or "", finals)
