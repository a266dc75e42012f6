"""What `dockerdriver status` shows, also when the stack is down."""

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from blocks.certificates import gateways_certificate
from blocks.engine.local_api import answers
from blocks.gateway.all_gateways import gateway_of, without_lock
from blocks.gateway.client import Gateway
from blocks.gateway.config import gateway_config
from blocks.settings import ProcessSettings
from blocks.stored.api_password import password_file, prefect_api
from pool.errors import BadRequest, DockerDriverError, GatewayTrouble, Refused
from pool.hosts.certificates import running_out
from pool.hosts.launching import launch_troubles
from pool.hosts.reach import reach_troubles, unfit_hosts
from pool.printable import how_many
from pool.records import Host, Instance
from pool.reports.tables import host_list, hosts_in_sum, session_rows
from pool.sessions.queue import queued_in_order
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, LIVING_INSTANCES
from pool.store.pool_store import PoolStore
from runtime.api_servers.programs import answering
from runtime.databases.databases import databases, trouble_with
from runtime.databases.records import open_records
from runtime.stack.start import programs
from runtime.stack.stop import engine_url
from runtime.supervision.processes import Processes
from runtime.supervision.units import unit_states
from runtime.verbs.hosts import for_people
from runtime.verbs.output import cell, console, show_json, table

Rows = list[dict[str, object]]
CLEAR = "\x1b[H\x1b[J"  # a terminal: to its first place, and nothing after it
WATCH_SECONDS = 2
ANSWERS = ", answers"  # what is said of Prefect's server that does


@dataclass(frozen=True)
class Records:
    """What the pool's database holds of what lives, and what is wrong with it."""

    hosts: Sequence[Host] = ()  # that live, were removed lately or failed
    instances: Sequence[Instance] = ()  # that live
    troubles: Sequence[str] = ()  # a sentence each
    pools: frozenset[str] = field(default_factory=frozenset)  # that have hosts or sessions


@dataclass(frozen=True)
class Seen:
    """All that was seen at one look."""

    processes: Rows
    troubles: list[str]
    hosts: Rows
    sessions: Rows


def show_status(settings: ProcessSettings, as_json: bool = False) -> None:
    """Print it."""
    seen = look(settings)
    if as_json:
        show_json({"installation": settings.identity, "data": str(settings.data)} | vars(seen))
    else:
        _print(settings, seen)


def watch_status(settings: ProcessSettings, times: int | None = None) -> None:
    """Print it again and again in the place of what was there before, until Ctrl-C.

    Args:
        settings: of the installation.
        times: how often; None: for ever.

    Raises:
        BadRequest: standard output is no terminal.
    """
    if not sys.stdout.isatty():
        raise BadRequest("--watch draws on a terminal, and this is none: leave it out, or ask with --json")
    with suppress(KeyboardInterrupt):
        for _ in count() if times is None else range(times):
            seen = look(settings)
            sys.stdout.write(CLEAR)
            _print(settings, seen)
            sys.stdout.write(f"as of {datetime.now(UTC):%H:%M:%S} UTC; Ctrl-C ends this\n")
            sys.stdout.flush()
            time.sleep(WATCH_SECONDS)


def look(settings: ProcessSettings) -> Seen:
    """Look at processes, records and gateway once."""
    server = _of_server(settings)  # once: each question that a busy server does not answer takes seconds
    processes, held = process_rows(settings, server), _held(settings)
    hosts = host_list(held.hosts, datetime.now(UTC))
    sessions = living_rows(settings, held.instances)
    troubles = [*held.troubles, *_of_gateway(settings, held.instances)]
    if server == ANSWERS:
        troubles += _without_block(settings, held.pools)
    return Seen(processes, troubles, hosts, sessions)


def _print(settings: ProcessSettings, seen: Seen) -> None:
    hosts, sessions = seen.hosts, seen.sessions
    screen = console()
    screen.print(f"Installation {settings.identity}, data in {settings.data}", markup=False)
    _draw(("Process", "State", "Where"), seen.processes)
    if password_file(settings).exists():
        screen.print(f"Prefect's UI and API take the line in {password_file(settings)}, user:password", markup=False)
    for trouble in seen.troubles:
        screen.print(cell(trouble), style="bold red")
    _draw(("Host", "State", "Address", "Slots used", "Free", "Since", "Why"), for_people(hosts), hosts_in_sum(hosts))
    waiting = sum(bool(row["position"]) for row in sessions)
    waits = f", {waiting} of them {'waits' if waiting == 1 else 'wait'} for room" if waiting else ""
    said = how_many(len(sessions), "session") + waits if sessions else "no sessions"
    _draw(("Session", "User", "State", "Host", "Blueprint", "Expires", "URL"), sessions, said)


def _draw(columns: Sequence[str], rows: Rows, caption: str | None = None) -> None:
    """Print the rows' values under headings; a heading in lower case, with _ for blanks, is the key of its value."""
    drawn = table(*columns)
    for row in rows:
        drawn.add_row(*(cell(row[column.lower().replace(" ", "_")]) for column in columns))
    drawn.caption = caption
    console().print(drawn)


def cut_offs(gateway: Gateway, instances: Iterable[Instance]) -> list[str]:
    """Name each session of whose answers the gateway cut some off, in a sentence; none while no gateway answers."""
    try:
        seen = gateway.activity().routes
    except GatewayTrouble:
        return []
    counted = {i.id: seen[i.route].cut_off for i in instances if i.route in seen}
    return [
        f"Session {name} tried to speak past the gateway: {count} of its answers were cut off"
        for name, count in counted.items()
        if count
    ]


def process_rows(settings: ProcessSettings, server: str) -> Rows:
    """One row for each process of the stack, the engine and the pool's database: whether it runs, and where.

    Args:
        settings: of the installation.
        server: what is to be said of Prefect's server beside its state.
    """
    url, (pool, _) = engine_url(settings), databases(settings)
    asked = answering(settings)
    where = {asked: settings.prefect_api_url.removesuffix("/api"), "gateway": settings.gateway_url}
    said = [
        ("Docker Engine", "answers" if answers(url) else "does not answer", url),
        ("pool database", trouble_with(settings, pool.url) or "answers", pool.where),
        *((name, state + server * (name == asked), where.get(name, "")) for name, state in _states(settings)),
    ]
    return [{"process": name, "state": state, "where": place} for name, state, place in said]


def _states(settings: ProcessSettings) -> list[tuple[str, str]]:
    """State of each process that supervisord keeps, or systemd where that keeps the installation."""
    states = Processes(settings).states()
    if not states and (units := unit_states(settings)):
        return [(name, f"{state}, by systemd") for name, state in units.items()]
    names = [program.name for program in programs(settings, own_engine=False)]
    return [(name, states.get(name, "STOPPED").lower()) for name in names]


def _of_server(settings: ProcessSettings) -> str:
    """Say whether Prefect's server answers what it must read in its database: that it is there is not enough."""
    try:
        api = prefect_api(settings)
        if api.answers():
            return ANSWERS
        return ", does not answer" if api.healthy() else ""
    except Refused as error:
        return f"; {error}"


def _held(settings: ProcessSettings) -> Records:
    """Return what is on record; nothing where there is no database, or its own line says why it does not answer."""
    try:
        store = open_records(settings)
    except Refused as refusal:  # what runs is worth knowing all the same
        return Records(troubles=[str(refusal)])
    except DockerDriverError:
        return Records()
    return _records(store) if store else Records()


def _records(store: PoolStore) -> Records:
    pools, now = store.hosts.pools(), datetime.now(UTC)
    hosts = {pool: store.hosts.recent(pool, now) for pool in pools}
    left = [f"Pool {pool}: {undone}" for pool in pools if (undone := store.ticks.left_undone(pool, now))]
    silent = [said for pool in pools for said in unfit_hosts(hosts[pool], _grace(store, pool))]
    all_hosts, living = [one for pool in pools for one in hosts[pool]], store.instances.all(states=LIVING_INSTANCES)
    in_use = {one.pool for one in all_hosts if one.state in LIVING_HOSTS} | {one.pool for one in living}
    troubles = [*launch_troubles(all_hosts, now), *reach_troubles(all_hosts), *silent, *left]
    return Records(all_hosts, living, troubles, frozenset(in_use))


def _grace(store: PoolStore, pool: str) -> int:
    kept = store.configs.last(pool) or {}
    return int(kept.get("DD_HOST_GRACE", PoolSettings().host_grace))


def _without_block(settings: ProcessSettings, pools: Iterable[str]) -> list[str]:
    """Name the pools in use whose block was deleted; none where Prefect's server does not say."""
    try:
        known = set(prefect_api(settings).block_names("pool-config"))
    except DockerDriverError:
        return []
    return [
        f"Pool {pool} has hosts or sessions and no block pool-config/{pool}: it goes on as it was configured last;"
        " docs/pools.md says how to remove a pool"
        for pool in sorted(set(pools) - known)
    ]


def _of_gateway(settings: ProcessSettings, instances: Iterable[Instance]) -> list[str]:
    certificates = running_out(filter(None, [gateways_certificate(gateway_config(settings))]), datetime.now(UTC))
    gateway = gateway_of(settings, without_lock)
    return [*map(str, certificates), *cut_offs(gateway, instances)]


def living_rows(settings: ProcessSettings, instances: Sequence[Instance]) -> Rows:
    """One row for each living session, with its place in the queue and its address."""
    pools = [queued_in_order(i for i in instances if i.pool == pool) for pool in {i.pool for i in instances}]
    places = {i.id: place for pool in pools for place, i in enumerate(pool, start=1)}
    rows = zip(instances, session_rows(instances), strict=True)
    return [
        dict(row)
        | {"state": row["state"] + (f", number {places[one.id]} in {one.pool}" if one.id in places else "")}
        | {"position": places.get(one.id), "url": settings.session_origin(one.route) + one.base_url}
        for one, row in rows
    ]
