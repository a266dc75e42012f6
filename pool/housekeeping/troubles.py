"""What of a tick an operator wants to be alerted of, beside hosts that fail: an event of its own for each kind."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pool.decisions import Decision, DecisionKind


class Trouble(StrEnum):
    """Kinds; each is the last word of an event's name, ``dockerdriver.pool.breaker-open``."""

    BREAKER = "breaker-open"  # several hosts in a row could not be configured: no more are spawned
    QUOTA = "quota-short"  # the cloud allows fewer hosts than the pool needs
    CUT_OFF = "cut-off"  # most hosts are out of reach at once
    CERTIFICATE = "certificate-ending"  # within 30 days, and only an operator renews it
    BACKUP = "backup-late"  # one that its blueprint says is due was not made
    UNDONE = "left-undone"  # something else was decided and is left for the next tick


#: How the reasons begin for which hosts are wanted and not spawned (`pool.hosts.launching`, `pool.hosts.sizing`).
_WAITS = {"circuit breaker:": Trouble.BREAKER, "quota:": Trouble.QUOTA}


def troubles(
    decisions: Iterable[Decision], left: Sequence[tuple[Decision, str]], warnings: Sequence[str]
) -> Mapping[Trouble, str]:
    """Tell the troubles of one tick, each in its sentences.

    Args:
        decisions: all that it took.
        left: those that it did not get done, with what became of them.
        warnings: of certificates that run out.
    """
    found: dict[Trouble, list[str]] = {}
    for decision in decisions:
        if kind := _waits_for(decision):
            found.setdefault(kind, []).append(decision.reason)
    for decision, words in left:
        kind = Trouble.BACKUP if decision.kind is DecisionKind.BACK_UP else Trouble.UNDONE
        found.setdefault(kind, []).append(f"{decision.kind} {decision.subject}: {words}")
    if warnings:
        found[Trouble.CERTIFICATE] = [*warnings]
    return {kind: "; ".join(sentences) for kind, sentences in found.items()}


def _waits_for(decision: Decision) -> Trouble | None:
    if decision.kind is DecisionKind.CUT_OFF:
        return Trouble.CUT_OFF
    if decision.kind is not DecisionKind.WAIT:
        return None
    return next((kind for begin, kind in _WAITS.items() if decision.reason.startswith(begin)), None)
