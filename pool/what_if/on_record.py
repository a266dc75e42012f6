"""How a pool stood, by what is on record of its sessions and hosts: the same moments as of a replay."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pool.changes import Change
from pool.hosts.reach import REACHABLE, UNREACHABLE
from pool.records import Host
from pool.states import HostState
from pool.what_if.replay import Moment


@dataclass(frozen=True)
class Span:
    """So many slots, from a moment until another one."""

    begin: datetime
    end: datetime
    slots: int


@dataclass(frozen=True)
class Recorded:
    """What a pool's sessions wanted and what its hosts had."""

    held: tuple[Span, ...]  # room that sessions had
    waited: tuple[Span, ...]  # room that queued sessions waited for
    room: tuple[Span, ...]  # of active hosts


def moments(recorded: Recorded, begin: datetime) -> list[Moment]:
    """How the pool stood from *begin* on, each time until the next one; what was over by then is left out."""
    steps: dict[datetime, list[int]] = {begin: [0, 0, 0]}
    for column, spans in enumerate((recorded.held, recorded.waited, recorded.room)):
        _add(steps, column, spans, begin)
    now, stood = [0, 0, 0], []
    for at in sorted(steps):
        now = [before + step for before, step in zip(now, steps[at], strict=True)]
        held, waiting, room = now
        stood.append(Moment(at, held, waiting, room, hosts={}))
    return stood


def _add(steps: dict[datetime, list[int]], column: int, spans: Iterable[Span], begin: datetime) -> None:
    for span in spans:
        if span.end > max(span.begin, begin):
            steps.setdefault(max(span.begin, begin), [0, 0, 0])[column] += span.slots
            steps.setdefault(span.end, [0, 0, 0])[column] -= span.slots


def active_spans(host: Host, changes: Iterable[Change], now: datetime) -> list[Span]:
    """When a host took sessions, by its changes from the oldest on; out of reach it takes none.

    Args:
        host: as it is now.
        changes: of it; one that has lived for longer than they are kept was active before the first.
        now: until when it does, if it still does.
    """
    spans, state, in_reach, since = list[Span](), "", True, None
    for at, said in _with_what_was_forgotten(host, changes):
        in_reach = said == REACHABLE if said in (REACHABLE, UNREACHABLE) else in_reach
        state = state if said in (REACHABLE, UNREACHABLE) else said
        serves = in_reach and state == HostState.ACTIVE
        if serves and since is None:
            since = at
        elif not serves and since is not None:
            spans.append(Span(since, at, host.slots))
            since = None
    return [*spans, Span(since, now, host.slots)] if since is not None else spans


def _with_what_was_forgotten(host: Host, changes: Iterable[Change]) -> list[tuple[datetime, str]]:
    kept = [(change.at, change.state) for change in changes]
    if host.active_at and (not kept or kept[0][1] != HostState.SPAWNING):
        return [(host.active_at, HostState.ACTIVE), *kept]
    return kept
