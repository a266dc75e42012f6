"""The operators' page of the pools, drawn on the server: hosts as bars of slots, sessions, queue, last decisions.

Text and tables first: it reads without styles, and needs no script. Everything from records is escaped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from blocks.resources import NGINX
from pool.decisions import LeftUndone, RecordedDecision
from pool.records import Host, Instance
from pool.reports.tables import span
from pool.states import ENDED, HostState, InstanceState

STYLE = NGINX / "pages" / "pool.css"
MOST_ROWS = 300  # of a table: the page stays small, whatever the pool is
REFRESH_SECONDS = 5


@dataclass(frozen=True)
class PoolView:
    """What the page shows of one pool."""

    name: str
    hosts: Sequence[Host]
    instances: Sequence[Instance]
    decisions: Sequence[RecordedDecision]  # newest first
    left: LeftUndone | None = None  # lately


def pool_page(pools: Sequence[PoolView], now: datetime) -> str:
    """The whole page, as it is at *now*."""
    drawn = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}"><title>Pools of hosts</title>'
        f"<style>{STYLE.read_text()}</style></head><body><main><h1>Pools of hosts</h1>"
        f"<p>As they were at <time>{drawn}</time>. Every change draws this page anew; it loads itself again.</p>"
        f"{''.join(_pool(view, now) for view in pools) or '<p>There is no pool yet.</p>'}</main></body></html>\n"
    )


def _pool(view: PoolView, now: datetime) -> str:
    hosts = [host for host in view.hosts if host.state is not HostState.REMOVED]
    living = [instance for instance in view.instances if instance.state not in ENDED]
    queue = [instance for instance in living if instance.state is InstanceState.QUEUED]
    placed = [instance for instance in living if instance.state is not InstanceState.QUEUED]
    used, slots = sum(host.reserved for host in hosts), sum(host.slots for host in hosts)
    return (
        f"<h2>Pool {escape(view.name)}: {len(hosts)} hosts, {used} of {slots} slots in use</h2>"
        + (f"<p>Housekeeping: {escape(str(view.left))}</p>" if view.left else "")
        + _table("Hosts", ("Host", "State", "Slots", "In this state for", "Age", "Why"), (_host(h, now) for h in hosts))
        + _table("Sessions", ("Session", "State", "Host", "Blueprint", "Since", "Until"), map(_session, placed))
        + _table("Queue", ("Session", "Slots", "Blueprint", "Waits for"), (_waiting(i, now) for i in queue))
        + _table("Last decisions", ("When", "What", "Of", "Why"), map(_decision, view.decisions))
    )


def _table(title: str, columns: Sequence[str], rows: Iterable[str]) -> str:
    """A table with its heading, or one sentence when it is empty."""
    all_rows = list(rows)
    heading = f"<h3>{title}</h3>"
    if not all_rows:
        return f"{heading}<p>None.</p>"
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    more = len(all_rows) - MOST_ROWS
    rest = f"<p>And {more} more.</p>" if more > 0 else ""
    body = "".join(f"<tr>{row}</tr>" for row in all_rows[:MOST_ROWS])
    return (
        f'{heading}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}'
    )


def _host(host: Host, now: datetime) -> str:
    boxes = '<i class="used"></i>' * host.reserved + "<i></i>" * host.free
    slots = f'<span class="slots" aria-hidden="true">{boxes}</span>{host.reserved} of {host.slots}'
    ages = _span(now, host.state_since), _span(now, host.created_at)
    return _cells(host.name, _state(host.state), f"<td>{slots}</td>", *ages, host.reason)


def _session(instance: Instance) -> str:
    until = f"{instance.expires_at:%Y-%m-%d %H:%M}" if instance.expires_at else ""
    since = f"{instance.state_since:%Y-%m-%d %H:%M}"
    return _cells(instance.id, _state(instance.state), instance.host or "", instance.blueprint, since, until)


def _waiting(instance: Instance, now: datetime) -> str:
    return _cells(instance.id, str(instance.slots), instance.blueprint, _span(now, instance.created_at))


def _decision(recorded: RecordedDecision) -> str:
    decision = recorded.decision
    return _cells(f"{recorded.at:%H:%M:%S}", str(decision.kind), decision.subject, decision.reason)


def _state(state: HostState | InstanceState) -> str:
    return f'<td class="{state}">{state}</td>'


def _cells(first: str, *others: str) -> str:
    """The first one heads its row; what is a cell already stays one."""
    cells = (cell if cell.startswith("<td") else f"<td>{escape(cell)}</td>" for cell in others)
    return f'<th scope="row">{escape(first)}</th>{"".join(cells)}'


def _span(now: datetime, since: datetime) -> str:
    return span((now - since).total_seconds())
