"""The operators' page of the pools, drawn on the server: hosts as bars of slots, sessions, queue, last decisions.

The page is nginx/pages/pool.html.j2, in which all text is escaped unless the template itself is where it stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blocks.resources import NGINX
from pool.decisions import LeftUndone, RecordedDecision
from pool.records import Host, Instance
from pool.reports.tables import span
from pool.states import ENDED, HostState, InstanceState

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
    troubles: Sequence[str] = ()  # a sentence each

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


def pool_page(pools: Sequence[PoolView], now: datetime) -> str:
    """Draw the whole page, as of *now*."""
    page = _TEMPLATES.get_template("pages/pool.html.j2")
    return page.render(
        pools=pools,
        now=now,
        age=lambda since: span((now - since).total_seconds()),
        most_rows=MOST_ROWS,
        refresh_seconds=REFRESH_SECONDS,
    )


#: One for the process: a template is compiled when it is first used.
_TEMPLATES = Environment(
    loader=FileSystemLoader(NGINX), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters["minute"] = lambda at: f"{at:%Y-%m-%d %H:%M}" if at else ""
