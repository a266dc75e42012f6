"""What `dockerdriver status` shows: processes, hosts, slots, sessions. Works when the stack is down, too."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from blocks.settings import ProcessSettings
from pool.records import Host, Instance
from pool.states import ENDED, HostState
from runtime.engine import answers
from runtime.prefect_api import PrefectApi
from runtime.processes import Processes
from runtime.takedown import engine_url

WIDTH = 180


def show_status(settings: ProcessSettings) -> None:
    """Print it."""
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)  # a URL that is cut in two cannot be clicked
    console.print(f"Installation {settings.identity}, data in {settings.data}", markup=False)
    console.print(_processes(settings))
    hosts, instances = _records(settings)
    console.print(_hosts(hosts))
    console.print(_sessions(settings, instances))


def _processes(settings: ProcessSettings) -> Table:
    table = _table("Process", "State", "Where")
    states = Processes(settings).states()
    url = engine_url(settings)
    table.add_row("Docker Engine", "answers" if answers(url) else "does not answer", url)
    healthy = PrefectApi(settings.prefect_api_url).healthy()
    where = {"server": settings.prefect_api_url.removesuffix("/api"), "gateway": settings.gateway_url}
    for name in ("server", "gateway", "warm", "long"):
        state = states.get(name, "STOPPED").lower()
        table.add_row(name, state + (", answers" if name == "server" and healthy else ""), where.get(name, ""))
    return table


def _records(settings: ProcessSettings) -> tuple[list[Host], list[Instance]]:
    """What SQL holds; nothing, when there is no database yet."""
    from pool.store import PoolStore  # noqa: PLC0415 - only here

    url = settings.pool_database_url
    if url == f"sqlite:///{settings.data / 'pool.sqlite'}" and not (settings.data / "pool.sqlite").exists():
        return [], []
    store = PoolStore.open(url)
    store.upgrade()
    hosts = [host for host in store.hosts() if host.state is not HostState.REMOVED]
    return hosts, [instance for instance in store.instances() if instance.state not in ENDED]


def _hosts(hosts: list[Host]) -> Table:
    slots, reserved = sum(h.slots for h in hosts), sum(h.reserved for h in hosts)
    table = _table("Host", "State", "Address", "Slots used", "Since", "Why")
    for host in hosts:
        used = f"{host.reserved} of {host.slots}"
        table.add_row(host.name, host.state, host.address or "", used, _ago(host.state_since), host.reason)
    table.caption = f"{len(hosts)} hosts, {reserved} of {slots} slots used" if hosts else "no hosts"
    return table


def _sessions(settings: ProcessSettings, instances: list[Instance]) -> Table:
    table = _table("Session", "State", "Host", "Blueprint", "Expires", "URL")
    for i in instances:
        expires = f"{i.expires_at:%H:%M:%S} UTC" if i.expires_at else ""
        table.add_row(i.id, i.state, i.host or "", i.blueprint, expires, settings.session_origin(i.route) + i.base_url)
    table.caption = f"{len(instances)} sessions" if instances else "no sessions"
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", caption_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _ago(then: datetime) -> str:
    seconds = int((datetime.now(UTC) - then).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
