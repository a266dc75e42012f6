"""What a tick leaves for the operator to read: tables of plain rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from pool.changes import HistoryEntry
from pool.decisions import Decision
from pool.hosts.reach import reach_words, unfit_words
from pool.moments import minute, second
from pool.printable import how_many
from pool.records import Host, Image, Instance
from pool.sessions.timings import PERCENTS, Spread
from pool.states import HostState


def host_rows(
    hosts: Sequence[Host], wanted: Sequence[Image], held: Mapping[str, Collection[str]], grace: float = 0
) -> list[dict[str, str]]:
    """One row for each host that is not removed; nothing in it changes by itself, or it would be left at every tick.

    Args:
        hosts: of one pool, in any state.
        wanted: the images that the pool offers.
        held: by host name, the ids of the images that it has.
        grace: seconds that a single host may be out of reach.
    """
    return [
        _host_row(host, wanted, held.get(host.name, ()), grace) for host in hosts if host.state != HostState.REMOVED
    ]


def _host_row(host: Host, wanted: Sequence[Image], held: Collection[str], grace: float) -> dict[str, str]:
    missing = [image.name for image in wanted if image.id not in held]
    had = f"{len(wanted) - len(missing)} of {len(wanted)}"
    return {
        "host": host.name,
        "state": str(host.state),
        "why": unfit_words(host, grace) or host.reason,
        "slots": f"{host.reserved} of {host.slots} used, {host.room} free" + _standing_by(host),
        "created": minute(host.created_at),
        "errors": f"{host.errors}: {host.last_error}" if host.errors else "",
        "images": had + (f", without {', '.join(missing)}" if missing else ""),
    }


def _standing_by(host: Host) -> str:
    return f", of these {host.standby} for standbys" if host.standby else ""


def decision_rows(decisions: Sequence[Decision], outcomes: Sequence[str]) -> list[dict[str, str]]:
    """One row for each decision of a tick, with how it ended."""
    return [row | {"outcome": outcome} for row, outcome in zip(plan_rows(decisions), outcomes, strict=True)]


def plan_rows(decisions: Iterable[Decision]) -> list[dict[str, str]]:
    """One row for each decision that a tick would take."""
    return [{"what": str(decision.kind), "of": decision.subject, "why": decision.reason} for decision in decisions]


def unfit_rows(hosts: Iterable[Host], grace: float) -> list[dict[str, str]]:
    """One row for each host in service that takes no session: why, and when something is decided about it."""
    return [
        {"what": "out of reach" if reach_words(host, grace) else "low on disk", "of": host.name, "why": words}
        for host in hosts
        if (words := unfit_words(host, grace))
    ]


def history_rows(lines: Iterable[HistoryEntry]) -> list[dict[str, str]]:
    """One row for each thing that happened, in their order."""
    return [{"at": second(line.at), "what": line.what, "why": line.why} for line in lines]


def span(seconds: float) -> str:
    """Return a time in the two units that matter: "45 s", "12 min", "3 h 5 min", "4 d 2 h"."""
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 2:
        return f"{max(0, int(seconds))} s"  # a clock may have been set back
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def session_rows(sessions: Iterable[Instance]) -> list[dict[str, str]]:
    """One row for each session, living or over: whose, where, when, and why it is in its state."""
    return [_session_row(session) for session in sessions]


def present_sessions(sessions: Sequence[Instance], more: int = 0) -> list[dict[str, str]]:
    """One row for each session that is not over; nothing in it changes by itself, as in `host_rows`.

    Args:
        sessions: those that are shown.
        more: how many there are besides; a last row says so.
    """
    left_out = ("pool", "ended", "cause")
    rows = [{name: value for name, value in row.items() if name not in left_out} for row in session_rows(sessions)]
    return [*rows, *([dict.fromkeys(rows[0], "") | {"session": f"and {more} more"}] if more and rows else [])]


def timing_rows(seen: Iterable[Spread]) -> list[dict[str, str]]:
    """One row for each step of the starts of many sessions: how long it took."""
    return [
        {"of": spread.group, "until it is": spread.step, "sessions": str(len(spread.seconds))}
        | {f"p{percent}": f"{spread.percentile(percent):.3f} s" for percent in PERCENTS}
        for spread in seen
    ]


def _session_row(session: Instance) -> dict[str, str]:
    return {
        "session": session.id,
        "user": session.user,
        "state": str(session.state),
        "blueprint": session.blueprint,
        "pool": session.pool,
        "host": session.host or session.last_host or "",
        "asked": second(session.created_at),
        "expires": second(session.expires_at) if session.expires_at and not session.ended_at else "",
        "ended": second(session.ended_at) if session.ended_at else "",
        "cause": str(session.end_cause or ""),
        "why": session.reason,
    }


def host_list(hosts: Iterable[Host], now: datetime) -> list[dict[str, object]]:
    """One row for each host that is not removed, with what a program may want to count."""
    return [
        {
            "host": host.name,
            "pool": host.pool,
            "state": str(host.state),
            "address": host.address or "",
            "flavor": str(host.flavor),
            "slots": host.slots,
            "used": host.reserved,
            "free": host.room,
            "errors": host.errors,
            "out_of_reach_since": second(host.unreachable_since) if host.unreachable_since else "",
            "low_on_disk_since": second(host.disk_low_since) if host.disk_low_since else "",
            "since": span((now - host.state_since).total_seconds()),
            "why": host.reason,
        }
        for host in hosts
        if host.state != HostState.REMOVED
    ]


def hosts_in_sum(hosts: Collection[Mapping[str, object]]) -> str:
    """Say how many hosts there are and what room they have; slots of one that takes no session are not free.

    Args:
        hosts: rows of `host_list`.
    """
    slots, used, free = (sum(int(str(row[key])) for row in hosts) for key in ("slots", "used", "free"))
    return (
        f"{how_many(len(hosts), 'host')}, {used} of {how_many(slots, 'slot')} used, {free} free"
        if hosts
        else "no hosts"
    )


def image_list(
    images: Iterable[Image], hosts: Iterable[Host], held: Mapping[str, Collection[str]]
) -> list[dict[str, object]]:
    """One row for each image that a pool offers, with how many of its active hosts have it."""
    active = [host.name for host in hosts if host.state is HostState.ACTIVE]
    return [
        {
            "pool": image.pool,
            "image": image.name,
            "id": image.id[7:19],
            "mb": round(image.size / 1e6, 1),
            "source": image.source if image.source != "archive" else f"images/{image.archive}",
            "hosts": f"{sum(image.id in held.get(name, ()) for name in active)} of {len(active)}",
        }
        for image in images
    ]
