"""`dockerdriver plan`: what the next tick would do, and why; and what the pool is going to want."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blocks.settings import ProcessSettings
from pool.errors import NotFound
from pool.hosts.launching import lead
from pool.reports.ahead import ahead_rows, ahead_until, read_ahead, week_ahead
from runtime.databases.records import records
from runtime.verbs.output import show

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

PLAN_SECONDS = 150
COLUMNS = {
    "since": "From",
    "until": "Until",
    "free_slots": "Free slots",
    "because": "By the timetable",
    "reserved": "Reserved",
    "hosts": "Hosts for both",
    "spawned_from": "Spawned from",
    "short": "Slots short",
}


def show_plan(api: "PrefectApi", pool: str, as_json: bool = False) -> None:
    """Print what the next tick of a pool would do, and why.

    Raises:
        DockerDriverError: there is no such pool, or the stack does not run.
    """
    api.run_to_its_end("plan/on-demand", PLAN_SECONDS, pool=pool)
    columns = {"what": "What", "of": "Of", "why": "Why"}
    show(api.table(f"plan-{pool}"), columns, f"nothing: pool {pool} is as it should be", as_json)


def show_ahead(settings: ProcessSettings, pool: str, at: str, as_json: bool = False) -> None:
    """Print what a pool is going to want, by its settings and courses as its last tick read them.

    Args:
        settings: of this installation; its stack need not run.
        pool: its name.
        at: a moment to come, as :func:`read_ahead` reads it; empty: each time within a week.
        as_json: whether a program reads the answer.

    Raises:
        NotFound: there never was such a pool.
        BadRequest: it is no moment to come.
        DockerDriverError: the pool's database does not answer.
    """
    from blocks.stored.documents.turned_settings import zone_of  # noqa: PLC0415 - Prefect takes a second to import
    from blocks.stored.pool_config import PoolConfig  # noqa: PLC0415 - as above

    now = datetime.now(UTC)
    with records(settings) as store:
        kept = store.configs.last(pool) if store else None
        if store is None or kept is None:
            raise NotFound(f"no pool named {pool!r} was ever served here: its first tick writes its settings down")
        config, courses, ahead = PoolConfig.of_kept(kept), store.configs.courses(pool), lead(store.hosts.all(pool))
    rules, zone = config.settings(pool), zone_of(config)
    if at:
        rows = ahead_rows(ahead_until(rules, courses, read_ahead(at, now, zone), now), ahead, zone)[-1:]
    else:
        rows = ahead_rows(week_ahead(rules, courses, now), ahead, zone)
    show(rows if as_json else [_for_people(row) for row in rows], COLUMNS, "", as_json)


def _for_people(row: dict[str, object]) -> dict[str, object]:
    moments = {key: _moment(row[key]) for key in ("since", "until", "spawned_from")}
    reserved = row["reserved"]
    slots = ", ".join(f"{number} for {name}" for name, number in reserved.items()) if isinstance(reserved, dict) else ""
    return row | moments | {"reserved": slots, "short": row["short"] or ""}


def _moment(text: object) -> str:
    return f"{datetime.fromisoformat(str(text)):%a %d %b %H:%M}" if text else ""
