"""What a tick leaves for the operator to read: tables of plain rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from pool.changes import HistoryEntry
from pool.decisions import Decision
from pool.records import Host, Image
from pool.states import HostState


def host_rows(
    hosts: Sequence[Host], wanted: Sequence[Image], held: Mapping[str, Collection[str]]
) -> list[dict[str, str]]:
    """One row for each host that is not removed; nothing in it changes by itself, or it would be left at every tick.

    Args:
        hosts: of one pool, in any state.
        wanted: the images that the pool offers.
        held: by host name, the ids of the images that it has.
    """
    return [_host_row(host, wanted, held.get(host.name, ())) for host in hosts if host.state != HostState.REMOVED]


def _host_row(host: Host, wanted: Sequence[Image], held: Collection[str]) -> dict[str, str]:
    missing = [image.name for image in wanted if image.id not in held]
    had = f"{len(wanted) - len(missing)} of {len(wanted)}"
    return {
        "host": host.name,
        "state": str(host.state),
        "why": host.reason,
        "slots": f"{host.reserved} of {host.slots} used",
        "created": f"{host.created_at:%Y-%m-%d %H:%M} UTC",
        "errors": f"{host.errors}: {host.last_error}" if host.errors else "",
        "images": had + (f", without {', '.join(missing)}" if missing else ""),
    }


def decision_rows(decisions: Sequence[Decision], outcomes: Sequence[str]) -> list[dict[str, str]]:
    """One row for each decision of a tick, with how it ended."""
    return [row | {"outcome": outcome} for row, outcome in zip(plan_rows(decisions), outcomes, strict=True)]


def plan_rows(decisions: Iterable[Decision]) -> list[dict[str, str]]:
    """One row for each decision that a tick would take."""
    return [{"what": str(decision.kind), "of": decision.subject, "why": decision.reason} for decision in decisions]


def history_rows(lines: Iterable[HistoryEntry]) -> list[dict[str, str]]:
    """One row for each thing that happened, in their order."""
    return [{"at": f"{line.at:%Y-%m-%d %H:%M:%S} UTC", "what": line.what, "why": line.why} for line in lines]


def span(seconds: float) -> str:
    """Return a time in the two units that matter: "45 s", "12 min", "3 h 5 min", "4 d 2 h"."""
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 2:
        return f"{max(0, int(seconds))} s"  # a clock may have been set back
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
