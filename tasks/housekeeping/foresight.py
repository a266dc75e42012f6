"""Replay a pool's past, under its settings and under others, and leave what came of it."""

from collections.abc import Sequence
from datetime import datetime

from blocks.outside import log, now, outside
from blocks.stored.documents.turned_settings import turned, zone_of
from blocks.stored.pool_config import PoolConfig
from pool.moments import Period
from pool.notation import read_seconds
from pool.settings import PoolSettings
from pool.store.pool_store import PoolStore
from pool.what_if.advice import Advice, advise
from pool.what_if.classes import Supposed
from pool.what_if.figures import Figures
from pool.what_if.study import NOTHING, Past, compare, livable
from tasks.base import look_up


@look_up()
def turned_settings(pool: str, words: Sequence[str]) -> tuple[PoolSettings, PoolSettings]:
    """The pool's settings as they are, and with those turned that the words say.

    Raises:
        NotFound: no pool has this name.
        BadRequest: a word is no setting, or its value cannot be.
    """
    config = outside().config(pool)
    return config.settings(pool), turned(config, words).settings(pool)


@look_up(retries=1, retry_delay_seconds=2)
def read_past(pool: str, period: Period, supposed: Supposed = NOTHING) -> Past:
    """What the pool had to serve in that period, with classes and courses that never were.

    Raises:
        BadRequest: there is no visit, or a time, a class or a course cannot be read.
    """
    return past_on_record(outside().store, outside().config(pool), pool, period, supposed, now())


def past_on_record(
    store: PoolStore, config: PoolConfig, pool: str, period: Period, supposed: Supposed, at: datetime
) -> Past:
    """Read what a pool had to serve in a period, with classes and courses that never were; *at* is now.

    The pool's courses are those that its last tick knew.

    Raises:
        BadRequest: there is no visit, or a time, a class or a course cannot be read.
    """
    begin, end = period.ends(at)
    visits = [visit for visit in store.history.visits(pool, begin, at) if visit.at < end]
    boots, removals, courses = store.history.boots(pool), store.history.removals(pool), store.configs.courses(pool)
    return livable(Past(pool, visits, boots, begin, end, zone_of(config), courses, removals=removals), supposed)


@look_up()
def replay_both(past: Past, today: PoolSettings, then: PoolSettings) -> tuple[Figures, Figures]:
    """Live the past under both settings; a minute for two weeks of a thousand sessions a day."""
    return compare(past, today, then).figures


@look_up()
def search_settings(past: Past, today: PoolSettings, wait_p95: str) -> Advice:
    """Search the settings that keep the wait for the fewest host-hours; each try is logged.

    Raises:
        BadRequest: the wait is no time.
    """
    logger = log()
    return advise(past, today, read_seconds(wait_p95), say=logger.info)


@look_up()
def show_foresight(key: str, rows: Sequence[dict], description: str) -> None:
    """Leave the figures, or the advice, as a table: the artifact of this key."""
    outside().prefect.write_table(rows, key=key, description=description)
