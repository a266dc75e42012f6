"""The operators' page of the pools, drawn on the server: the last day, hosts as bars of slots, sessions, decisions.

It does nothing by itself: what may be done is a link to a form of Prefect's UI, which asks who it is. The page is
nginx/pages/pool.html.j2, in which all text is escaped unless the template itself is where it stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blocks.resources import NGINX
from pool.changes import HistoryEntry
from pool.decisions import LeftUndone, RecordedDecision
from pool.records import Host, Instance
from pool.reports.run_forms import RunForms
from pool.reports.tables import span
from pool.states import ENDED, HostState, InstanceState

MOST_ROWS = 300  # of a table: the page stays small, whatever the pool is
MOST_BYTES = 1_000_000  # of the page, a little less than the gateway takes; of larger pools fewer rows are shown
LEAST_ROWS = 10
MOST_HISTORIES = 50  # of hosts, and of sessions: the first rows of each table
MOST_CHANGES = 6  # of each
REFRESH_SECONDS = 5


@dataclass(frozen=True)
class LastDay:
    """Demand, room and queue of the last day."""

    picture: str  # an SVG of our own
    words: str  # a sentence: the most that there was


@dataclass(frozen=True)
class PoolView:
    """What the page shows of one pool."""

    name: str
    hosts: Sequence[Host]
    instances: Sequence[Instance]  # of those that are placed, and of those that wait, as many as are shown
    decisions: Sequence[RecordedDecision]  # newest first
    left: LeftUndone | None = None  # lately
    troubles: Sequence[str] = ()  # a sentence each
    day: LastDay | None = None
    of_hosts: Mapping[str, Sequence[HistoryEntry]] = field(default_factory=dict)  # histories, by name
    of_sessions: Mapping[str, Sequence[HistoryEntry]] = field(default_factory=dict)  # likewise, by id
    more_placed: int = 0  # sessions that are not among the instances
    more_waiting: int = 0  # likewise
    failed: Sequence[Instance] = ()  # lately, the newest first

    @property
    def present(self) -> list[Host]:
        """The hosts that are not removed."""
        return [host for host in self.hosts if host.state is not HostState.REMOVED]

    @property
    def queue(self) -> list[Instance]:
        """The sessions that wait for room."""
        return [instance for instance in self.instances if instance.state is InstanceState.QUEUED]

    @property
    def placed(self) -> list[Instance]:
        """The living sessions that have a host, or had one until now."""
        return [i for i in self.instances if i.state not in ENDED and i.state is not InstanceState.QUEUED]


def pool_page(pools: Sequence[PoolView], now: datetime, forms: RunForms | None = None) -> str:
    """Draw the whole page, as of *now*, with as many rows as it holds; with links to *forms*, where there are some."""
    rows = MOST_ROWS
    while len((page := _drawn(pools, now, forms or RunForms(), rows)).encode()) > MOST_BYTES and rows > LEAST_ROWS:
        rows //= 2
    return page


def _drawn(pools: Sequence[PoolView], now: datetime, forms: RunForms, rows: int) -> str:
    return _TEMPLATES.get_template("pages/pool.html.j2").render(
        pools=pools,
        now=now,
        form=forms.address,
        answer=forms.answer,
        elsewhere=forms.elsewhere(),
        of_pool=forms.of_pool,
        age=lambda since: span((now - since).total_seconds()),
        most_rows=rows,
        refresh_seconds=REFRESH_SECONDS,
    )


#: One for the process: a template is compiled when it is first used.
_TEMPLATES = Environment(
    loader=FileSystemLoader(NGINX), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters["as_drawn"] = Markup  # of a plot, whose template escapes all text
_TEMPLATES.filters["minute"] = lambda at: f"{at:%Y-%m-%d %H:%M}" if at else ""
