"""The history of a host or a session: every change of its state, with the decisions about it, in the order of time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pool.decisions import RecordedDecision


class Audience(StrEnum):
    """Who must hear of a change, besides Prefect's automations, which get an event."""

    PLATFORM = "platform"  # reads the artifact of a session
    VISITORS = "visitors"  # see a page of the gateway's while a session does not answer
    POOL_PAGE = "pool page"  # is read by operators
    WEBHOOK = "webhook"  # of the platform, where it has one


class Noun(StrEnum):
    """What has a history."""

    HOST = "host"
    INSTANCE = "instance"


@dataclass(frozen=True)
class Change:
    """One change of state, written in the transaction that made it."""

    id: int
    at: datetime
    noun: Noun
    subject: str  # the host's name or the instance's id
    pool: str
    state: str  # that it went to
    reason: str  # as the record has it; empty: the state says it all
    host: str = ""  # of an instance: where it holds room from now on, or held it until now
    user: str = ""  # of an instance: who it is for

    @property
    def event(self) -> str:
        """The name of the event that tells Prefect's automations of it, e.g. ``dockerdriver.host.draining``."""
        return f"dockerdriver.{self.noun}.{self.state}"


@dataclass(frozen=True)
class HistoryEntry:
    """One line of the answer to "why?"."""

    at: datetime
    what: str  # "is draining", "decided: drain"
    why: str


def history_of(changes: Iterable[Change], decided: Iterable[RecordedDecision]) -> list[HistoryEntry]:
    """Merge all that happened to a host or session, oldest first; a decision precedes the change that it led to."""
    lines = [
        (d.at, 0, HistoryEntry(d.at, f"tick {d.tick} decided: {d.decision.kind}", d.decision.reason)) for d in decided
    ]
    lines += [(change.at, 1, HistoryEntry(change.at, _what(change), change.reason)) for change in changes]
    return [line for _, _, line in sorted(lines, key=lambda entry: entry[:2])]


def histories_of(changes: Iterable[Change], decided: Iterable[RecordedDecision]) -> dict[str, list[HistoryEntry]]:
    """Merge what happened to each of several hosts or sessions, by name, from the first change of each on."""
    by_name: dict[str, tuple[list[Change], list[RecordedDecision]]] = {}
    for change in changes:
        by_name.setdefault(change.subject, ([], []))[0].append(change)
    for one in decided:
        of_it = by_name.get(one.decision.subject)
        if of_it and one.at >= of_it[0][0].at:
            of_it[1].append(one)
    return {name: history_of(*both) for name, both in by_name.items()}


def _what(change: Change) -> str:
    return change.state + (f" on {change.host}" if change.host else "")
