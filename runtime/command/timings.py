"""What `dockerdriver timings` shows, also while the stack is down."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from blocks.settings import ProcessSettings
from pool.errors import BadRequest
from pool.moments import LONGEST_SPAN
from pool.reports.tables import timing_rows
from pool.sessions.timings import BOUNDS, PERCENTS, Spread, spreads
from runtime.databases.records import records


def show_timings(settings: ProcessSettings, hours: float, as_json: bool) -> None:
    """Print how long sessions took for each phase of their start.

    Args:
        settings: of the installation.
        hours: that a session was accepted within, until now.
        as_json: for programs, with histograms.

    Raises:
        BadRequest: the hours are no time.
        DockerDriverError: the pool's database does not answer.
    """
    if not 0 < hours * 3600 <= LONGEST_SPAN:
        raise BadRequest(f"--hours {hours:g}: a number above 0, at most {LONGEST_SPAN // 3600}")
    with records(settings) as store:
        sessions = store.timings.since(datetime.now(UTC) - timedelta(hours=hours)) if store else []
    seen = spreads(sessions)
    if as_json:
        sys.stdout.write(json.dumps({"hours": hours, "steps": [_figures(spread) for spread in seen]}, indent=2) + "\n")
    else:
        console = Console(highlight=False)
        console.print(timings_table(seen))
        whole = "whole: from accepted to routed" if seen else "no session was accepted"
        console.print(f"{whole}, in the last {hours:g} h", soft_wrap=True)


def timings_table(seen: Iterable[Spread]) -> Table:
    """Draw it: a row for each step of all sessions, of those of each host, and of those of each blueprint."""
    table = Table(box=None, pad_edge=False)
    for column in ("Of", "Until it is", "Sessions", *(f"p{percent}" for percent in PERCENTS)):
        table.add_column(column, justify="left" if column in ("Of", "Until it is") else "right")
    for row in timing_rows(seen):
        table.add_row(*row.values())
    return table


def _figures(spread: Spread) -> dict:
    percentiles = {f"p{percent}": spread.percentile(percent) for percent in PERCENTS}
    of = {"of": spread.group, "step": spread.step, "sessions": len(spread.seconds)}
    bounds = [*map(str, BOUNDS), "more"]
    return of | percentiles | {"histogram": dict(zip(bounds, spread.histogram(), strict=True))}
