"""What `dockerdriver status`, `why` and `plan` show; the first two also when the stack is down."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from blocks.certificates import gateways_certificate
from blocks.engine.local_api import answers
from blocks.gateway.client import Gateway
from blocks.prefect_api import PrefectApi
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, GatewayTrouble, NotFound, Refused
from pool.hosts.certificates import running_out
from pool.hosts.launching import launch_troubles
from pool.hosts.reach import reach_troubles
from pool.records import Host, Instance
from pool.reports.tables import history_rows, span
from pool.sessions.queue import queued_in_order
from pool.states import LIVING_INSTANCES, HostState
from pool.store.pool_store import PoolStore
from runtime.databases.databases import NOT_MADE, databases, pool_database_running, trouble_with
from runtime.stack.stop import engine_url
from runtime.supervision.api_password import password_file, prefect_api
from runtime.supervision.processes import Processes

WIDTH = 180
PLAN_SECONDS = 150


def show_status(settings: ProcessSettings) -> None:
    """Print it."""
    console = _console()
    console.print(f"Installation {settings.identity}, data in {settings.data}", markup=False)
    console.print(_processes(settings))
    if password_file(settings).exists():
        console.print(f"Prefect's UI and API take the line in {password_file(settings)}, user:password", markup=False)
    if trouble_with(settings, settings.pool_database_url) not in ("", NOT_MADE):
        return  # the database's own line says why; what it holds cannot be known
    try:
        hosts, instances, left = _records(settings)
    except Refused as refusal:  # what runs is worth knowing all the same
        console.print(str(refusal), markup=False, style="bold red")
        return
    certificates = running_out(filter(None, [gateways_certificate()]), datetime.now(UTC))
    gateway = Gateway(settings.gateway_socket, settings.gateway_snapshot)
    troubles = [*certificates, *launch_troubles(hosts, datetime.now(UTC)), *reach_troubles(hosts), *left]
    for trouble in [*troubles, *cut_offs(gateway, instances)]:
        console.print(trouble, markup=False, style="bold red")
    console.print(_hosts([host for host in hosts if host.state is not HostState.REMOVED]))
    console.print(_sessions(settings, instances))


def show_plan(api: PrefectApi, pool: str) -> None:
    """Print what the next tick of a pool would do, and why.

    Raises:
        DockerDriverError: there is no such pool, or the stack does not run.
    """
    api.run_to_its_end("plan/on-demand", PLAN_SECONDS, pool=pool)
    rows = api.table(f"plan-{pool}")
    table = _table("What", "Of", "Why")
    for row in rows:
        table.add_row(row["what"], row["of"], row["why"])
    table.caption = None if rows else f"nothing: pool {pool} is as it should be"
    _console().print(table)


def _console() -> Console:
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)  # a URL that is cut in two cannot be clicked
    return console


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


def _processes(settings: ProcessSettings) -> Table:
    table = _table("Process", "State", "Where")
    states = Processes(settings).states()
    url = engine_url(settings)
    table.add_row("Docker Engine", "answers" if answers(url) else "does not answer", url)
    pool, _ = databases(settings)
    table.add_row("pool database", trouble_with(settings, pool.url) or "answers", pool.where)
    where = {"server": settings.prefect_api_url.removesuffix("/api"), "gateway": settings.gateway_url}
    for name in (*(["database"] if settings.runs_postgresql else []), "server", "gateway", "warm", "long"):
        state = states.get(name, "STOPPED").lower()
        table.add_row(name, state + (_of_server(settings) if name == "server" else ""), where.get(name, ""))
    return table


def _of_server(settings: ProcessSettings) -> str:
    """Say whether Prefect's server answers what it must read in its database: that it is there is not enough."""
    try:
        api = prefect_api(settings)
    except Refused as error:
        return f"; {error}"
    if api.answers():
        return ", answers"
    return ", does not answer" if api.healthy() else ""


def _records(settings: ProcessSettings) -> tuple[list[Host], list[Instance], list[str]]:
    """Hosts that live, were removed lately or failed; sessions that live; what ticks left undone, one sentence a pool.

    Nothing when there is no database yet.
    """
    store = _store(settings)
    if store is None:
        return [], [], []
    pools, now = store.hosts.pools(), datetime.now(UTC)
    hosts = [host for pool in pools for host in store.hosts.recent(pool, now)]
    left = [f"Pool {pool}: {undone}" for pool in pools if (undone := store.ticks.left_undone(pool, now))]
    return hosts, store.instances.all(states=LIVING_INSTANCES), left


def _store(settings: ProcessSettings) -> PoolStore | None:
    """Return the pool's database, or None where none was made yet. Looking changes nothing: `make up` alone migrates.

    Raises:
        DockerDriverError: it does not answer.
        Refused: its tables are of another version; the sentence says what to do.
    """
    trouble = trouble_with(settings, settings.pool_database_url)
    if trouble == NOT_MADE:
        return None
    if trouble:
        raise DockerDriverError(f"the pool's database does not answer: {trouble}")
    store = PoolStore.open(settings.pool_database_url, wait_seconds=0)  # the operator is told at once that it is away
    store.check_current()
    return store


def show_history(settings: ProcessSettings, noun: str, name: str) -> None:
    """Print what happened to a host or a session, oldest first, with the reasons.

    Raises:
        NotFound: there never was one of this name.
        DockerDriverError: the pool's database does not answer.
    """
    with pool_database_running(settings):
        store = _store(settings)
        lines = store and (store.history.of_host(name) if noun == "host" else store.history.of_instance(name))
    if not lines:
        raise NotFound(f"no {noun} was ever named {name!r}")
    table = _table("When", "What", "Why")
    for row in history_rows(lines):
        table.add_row(row["at"], row["what"], row["why"])
    _console().print(table)


def _hosts(hosts: list[Host]) -> Table:
    slots, reserved = sum(h.slots for h in hosts), sum(h.reserved for h in hosts)
    table = _table("Host", "State", "Address", "Slots used", "Since", "Why")
    for host in hosts:
        used = f"{host.reserved} of {host.slots}"
        table.add_row(host.name, host.state, host.address or "", used, _ago(host.state_since), host.reason)
    table.caption = f"{len(hosts)} hosts, {reserved} of {slots} slots used" if hosts else "no hosts"
    return table


def _sessions(settings: ProcessSettings, instances: list[Instance]) -> Table:
    pools = [queued_in_order(i for i in instances if i.pool == pool) for pool in {i.pool for i in instances}]
    table = _table("Session", "State", "Host", "Blueprint", "Expires", "URL")
    places = {i.id: f", number {place} in {i.pool}" for pool in pools for place, i in enumerate(pool, start=1)}
    for i in instances:
        expires, state = f"{i.expires_at:%H:%M:%S} UTC" if i.expires_at else "", i.state + places.get(i.id, "")
        table.add_row(i.id, state, i.host or "", i.blueprint, expires, settings.session_origin(i.route) + i.base_url)
    waiting = f", {len(places)} of them wait for room" if places else ""
    table.caption = f"{len(instances)} sessions{waiting}" if instances else "no sessions"
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _ago(then: datetime) -> str:
    return span((datetime.now(UTC) - then).total_seconds())
