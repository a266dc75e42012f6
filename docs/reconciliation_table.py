"""Every combination of what SQL says and what is found outside, and what follows.

The rows about containers and things in the cloud are those that decide. A row about hosts, routes or flow runs names
what its rule does; the tests hold each of them to the rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pool.decisions import DecisionKind as Kind
from pool.housekeeping.found import ContainerOutcome
from pool.housekeeping.reconciliation import ORPHAN_CONTAINER, ORPHAN_PART, RUNNING_SESSION, Consequence


@dataclass(frozen=True)
class Row:
    """One combination."""

    record: str  # what SQL, or Prefect, says
    found: str  # what is found outside
    kinds: tuple[Kind, ...]  # what is decided, one tick after the other; none: nothing
    why: str = ""
    instead: str = "nothing"  # what the table says where nothing is decided


REPAIR = "put right at once"
HOSTS = (
    Row(
        "host active or draining", "no server, and its engine is silent", (Kind.FAIL_HOST,), "its sessions fail with it"
    ),
    Row(
        "host active or draining",
        "no server, but its engine answers",
        (),
        "nothing fails while it runs",
    ),
    Row("host any but removed", "the cloud does not answer", (), "unknown is not gone"),
    Row("host active or draining", "its engine is silent, within its grace time", (), "it takes no session meanwhile"),
    Row(
        "host active or draining",
        "its engine is silent for longer",
        (Kind.FAIL_HOST,),
        "its room is free, its server goes",
    ),
    Row("host active", "a certificate that is not taken, or a clock that is off", (Kind.CONFIGURE,), "sets both right"),
    Row(
        "host active or draining",
        "a certificate with less than a third of its life left",
        (Kind.RENEW,),
        "its sessions go on",
    ),
    Row("host draining", "a certificate that is not taken", (Kind.RENEW,), "over ssh; it is not failed for hours"),
    Row("host removing", "its server is still listed", (Kind.REMOVE,), "after longer and longer pauses, counted"),
    Row("host removing", "no server", (Kind.CONFIRM_GONE,), "gone is when the cloud says so"),
    Row("host removed", "its server is listed", (Kind.DELETE_SERVER,), "it came late"),
    Row("host spawning", "no server yet", (), "the run that spawns it has its time"),
)
POOLS = (
    Row(
        "most hosts of a pool, two or more",
        "their engines are silent at once, for however long",
        (Kind.CUT_OFF,),
        "the network or the manager is at fault: no host is given up, and it is said",
    ),
)
STANDBYS = (
    Row("standby ready", "its container runs and answers; or is frozen, as its blueprint wants it", ()),
    Row("standby ready", "its container runs, and is to be frozen", (Kind.END_STANDBY,), "its host rebooted"),
    Row("standby ready", "its container ended, or is not there", (Kind.END_STANDBY,), "another one begins elsewhere"),
    Row("standby ready", "its container cannot be seen: the engine does not answer", (), "it is given to no request"),
    Row("standby starting", "for longer than 45 s", (Kind.ASK_STANDBY,), "the asking may be lost; it begins but once"),
)
REPAIRED = (
    Row("session runs", "no route, or another one", (), "the route is put into the gateway's table", REPAIR),
    Row("session does not run", "a route", (), "the route is taken away", REPAIR),
    Row(
        "flow run pending or being cancelled for minutes",
        "no worker that works on it",
        (),
        "run again, three times at most; or cancelled",
        REPAIR,
    ),
    Row(
        "flow run is running",
        "no heartbeat for ten minutes",
        (),
        "run again, three times at most; of a schedule: crashed",
        REPAIR,
    ),
    Row("not ours", "whatever carries no mark of ours", (), "it is not even listed"),
)


def rows() -> Iterator[Row]:
    """All of them, in the order of the page."""
    for outcome, follows in RUNNING_SESSION.items():
        yield Row("session runs", f"its container {_as_found(outcome)}", _kinds(follows), follows.why)
    for owner, follows in ORPHAN_CONTAINER.items():
        yield Row(f"session {owner}", "a container of it", _after_report(follows), follows.why)
    for known, follows in ORPHAN_PART.items():
        record = "no living record" if known else "no host was ever recorded"
        yield Row(record, "a resource with our mark in the cloud", _after_report(follows), follows.why)
    yield from (*HOSTS, *STANDBYS, *POOLS, *REPAIRED)


def _as_found(outcome: ContainerOutcome) -> str:
    return "runs" if outcome is ContainerOutcome.RUNS else str(outcome)


def _kinds(follows: Consequence) -> tuple[Kind, ...]:
    return (follows.kind,) if follows.kind else ()


def _after_report(follows: Consequence) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys((Kind.REPORT, follows.kind))) if follows.kind else ()


def markdown() -> str:
    """Return the table as the docs show it."""
    lines = ["| on record | found | decided | because |", "|---|---|---|---|"]
    for row in rows():
        decided = ", then ".join(f"`{kind}`" for kind in row.kinds) or row.instead
        lines.append(f"| {row.record} | {row.found} | {decided} | {row.why} |")
    return "\n".join(lines) + "\n"
