"""`dockerdriver host …`: see the hosts, take one out of service, put it back."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.reports.tables import host_list
from runtime.databases.records import records
from runtime.verbs.flows import run_and_tell
from runtime.verbs.output import show

COLUMNS = {"host": "Host", "state": "State", "address": "Address", "used": "Used", "free": "Free", "why": "Why"}


def list_(settings: ProcessSettings, pool: str | None, as_json: bool) -> int:
    """List the hosts that are not removed; works while the stack is stopped, too.

    Example: dockerdriver host list --json | jq -r '.[] | select(.state == "draining") | .host'
    """
    with records(settings) as store:
        rows = host_list(store.hosts.all(pool), datetime.now(UTC)) if store else []
    show(rows if as_json else for_people(rows), COLUMNS, "no hosts", as_json)
    return 0


def for_people(rows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return the rows with cells as a table shows them: what is out of reach beside the state, slots in one cell."""
    return [
        {**row, "slots_used": f"{row['used']} of {row['slots']}", "state": f"{row['state']}{_unfit(row)}"}
        for row in rows
    ]


def _unfit(row: Mapping[str, object]) -> str:
    return ", out of reach" if row["out_of_reach_since"] else ", low on disk" if row["low_on_disk_since"] else ""


def drain(settings: ProcessSettings, host: str, deadline: int | None, reason: str, yes: bool, as_json: bool) -> int:
    """Take a host out of service. It keeps its sessions, to their end or the deadline, and takes no new ones.

    Example: dockerdriver host drain main-07 --deadline 30 --reason 'new kernel' --yes
    """
    wanted: dict[str, Any] = {"host": host, "deadline": deadline, "reason": reason, "confirmed": yes}
    run_and_tell(prefect_api(settings), "drain-host/on-demand", as_json, **wanted)
    return 0


def return_(settings: ProcessSettings, host: str, reason: str, as_json: bool) -> int:
    """Put a draining host back into service, with no errors counted and a new lifetime.

    Example: dockerdriver host return main-07 --reason 'kernel is fine'
    """
    run_and_tell(prefect_api(settings), "return-host/on-demand", as_json, host=host, reason=reason)
    return 0
