"""What `dockerdriver what-if` and `advise` print; both read the pool's database alone, also while the stack is down."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from blocks.plots.demand import Panel, demand_plot
from blocks.settings import ProcessSettings
from blocks.stored.documents.turned_settings import turned
from blocks.stored.pool_config import PoolConfig
from pool.errors import BadRequest, NotFound
from pool.moments import Period, minute
from pool.notation import read_seconds
from pool.printable import how_many
from pool.what_if.advice import Advice, advise
from pool.what_if.classes import Supposed
from pool.what_if.figures import buckets
from pool.what_if.study import NOTHING, Comparison, Past, compare, comparison_rows
from runtime.databases.records import records
from runtime.verbs.output import console, show_json, table
from tasks.housekeeping.foresight import past_on_record


def show_what_if(
    settings: ProcessSettings,
    pool: str,
    period: Period,
    words: Sequence[str],
    supposed: Supposed,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Print the figures of both replays side by side, or as JSON; draw them where a file is named.

    Raises:
        NotFound: there never was such a pool.
        BadRequest: there is nothing to replay, or a setting, a time, a class or a course cannot be read.
    """
    config, past = _on_record(settings, pool, period, supposed)
    both = compare(past, config.settings(pool), turned(config, words).settings(pool))
    tried = "; ".join([*words, *supposed.words]) or "the same settings"
    if plot:
        _draw(plot, both, past, tried)
    today, then = both.figures
    if as_json:
        show_json({"today": asdict(today), "then": asdict(then)})
        return
    shown = table("", "Today", f"With {tried}")
    for row in comparison_rows(today, then):
        shown.add_row(row["what"], row["today"], row["then"])
    console().print(shown)
    print(_caption(past))


def show_advice(settings: ProcessSettings, pool: str, period: Period, wait_p95: str, as_json: bool) -> None:
    """Print the settings to turn, and why; the tries go to standard error.

    Raises:
        NotFound: there never was such a pool.
        BadRequest: there is nothing to replay, or a time cannot be read.
    """
    config, past = _on_record(settings, pool, period)
    limit = read_seconds(wait_p95)
    advice = advise(past, config.settings(pool), limit, say=lambda line: print(f"  tried {line}", file=sys.stderr))
    if as_json:
        show_json(_as_json(advice))
        return
    for change in advice.changes:
        print(change)
    for reason in advice.reasons:
        print(f"  {reason}")
    print(f"  ({_caption(past)})")


def _on_record(
    settings: ProcessSettings, pool: str, period: Period, supposed: Supposed = NOTHING
) -> tuple[PoolConfig, Past]:
    """Return the pool's configuration as its last tick read it, and its past."""
    with records(settings) as store:
        kept = store.configs.last(pool) if store else None
        if store is None or kept is None:
            raise NotFound(f"no pool named {pool!r} was ever served here: its first tick writes its settings down")
        config = PoolConfig.of_kept(kept)
        return config, past_on_record(store, config, pool, period, supposed, datetime.now(UTC))


def _draw(file: Path, both: Comparison, past: Past, tried: str) -> None:
    panels = [
        Panel("today's settings", buckets(both.today)),
        Panel(tried, buckets(both.then)),
    ]
    try:
        file.write_text(demand_plot(f"Pool {past.pool}, replayed", panels, past.zone))
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}") from None


def _caption(past: Past) -> str:
    measured = (
        f"{how_many(len(past.boots), 'boot')} measured" if past.boots else "no boot measured yet, five minutes assumed"
    )
    courses = f"; slots reserved for {', '.join(one.name for one in past.courses)}" if past.courses else ""
    since = f"{how_many(len(past.visits), 'visit')} from {past.begin:%Y-%m-%d %H:%M}"
    return f"{since} to {minute(past.until)}; {measured}{courses}"


def _as_json(advice: Advice) -> dict:
    return {
        "changes": advice.changes,
        "keeps_the_wait": advice.kept,
        "today": asdict(advice.today.figures),
        "then": asdict(advice.best.figures),
        "reasons": list(advice.reasons),
    }
