"""Plan: what the next tick would do, and what the pool would have done under other settings. Nothing is done."""

from dataclasses import asdict

from prefect import flow

from flows.steps.forms import Classes, LongestWait, Pool, Since, TriedCourses, TurnedSettings, Until, WithoutCourses
from flows.steps.outcome import pipeline
from pool.housekeeping.plan import plan
from pool.moments import Period
from pool.reports.tables import plan_rows, unfit_rows
from pool.what_if.advice import advice_rows
from pool.what_if.classes import Supposed
from pool.what_if.study import comparison_rows
from tasks.base import log, now
from tasks.housekeeping.foresight import read_past, replay_both, search_settings, show_foresight, turned_settings
from tasks.housekeeping.observing import look_at
from tasks.housekeeping.recording import read_settings, show_plan


@flow(name="plan", flow_run_name="plan {pool}", persist_result=True)
@pipeline
async def plan_tick(pool: Pool = "main") -> list[dict]:
    """Say what the next tick would decide for a pool, as it is now. The same as `dockerdriver plan`.

    Args:
        pool: Name of the pool.

    Returns:
        One row for each decision: what, of, why. Also the artifact `plan-<pool>`.
    """
    settings = await read_settings(pool)
    seen = await look_at(pool)
    rows = [*plan_rows(plan(seen, settings, now())), *unfit_rows(seen.hosts, settings.host_grace)]
    for row in rows:
        log().info("%(what)s %(of)s: %(why)s", row)
    await show_plan(pool, rows)
    return rows


@flow(name="what-if", flow_run_name="what if {settings}")
@pipeline
async def what_if(
    settings: TurnedSettings,
    pool: Pool = "main",
    since: Since = "14d",
    classes: Classes = None,
    until: Until = "",
    courses: TriedCourses = None,
    without_courses: WithoutCourses = False,
) -> dict[str, dict]:
    """Replay what a pool had to serve, under today's settings and under others. The same as `dockerdriver what-if`.

    Args:
        settings: What is turned, like DD_FREE_SLOT_TARGET=10 or DD_TIMETABLE=Mon 08:50-08:55: 60.
        pool: Name of the pool.
        since: When the replay begins, like 14d ago, or 2026-07-06.
        classes: Classes that never were, like 60@Mon09:00.
        until: When it ends, like 2026-07-17; empty for now.
        courses: Courses that never were, like 60@Mon09:00: users come both times, slots are reserved the second time.
        without_courses: Whether the pool's own courses reserve nothing the second time.

    Returns:
        The figures of both: today, then. Also the artifact `what-if-<pool>`.
    """
    today, then = await turned_settings(pool, settings)
    supposed = Supposed(classes or [], courses or [], without_courses)
    figures = await replay_both(await read_past(pool, Period(since, until), supposed), today, then)
    tried = "; ".join([*settings, *supposed.words])
    await show_foresight(f"what-if-{pool}", comparison_rows(*figures), f"Pool {pool} with {tried}")
    return dict(zip(("today", "then"), map(asdict, figures), strict=True))


@flow(name="advise", flow_run_name="advise {pool}")
@pipeline
async def advise(
    wait_p95: LongestWait = "5s", pool: Pool = "main", since: Since = "14d", until: Until = ""
) -> list[str]:
    """Search the settings that keep a wait for the fewest host-hours. The same as `dockerdriver advise`.

    Args:
        wait_p95: What 95 of 100 sessions may wait at most, like 5s or 1m.
        pool: Name of the pool.
        since: When the past begins that is searched by, like 14d ago, or 2026-07-06.
        until: When it ends, like 2026-07-17; empty for now.

    Returns:
        The settings to turn; none when today's are the best. Also the artifact `advise-<pool>`, with the reasons.
    """
    today, _ = await turned_settings(pool, [])
    advice = await search_settings(await read_past(pool, Period(since, until)), today, wait_p95)
    for reason in advice.reasons:
        log().info("%s", reason)
    await show_foresight(f"advise-{pool}", advice_rows(advice), f"Settings of pool {pool} for a wait of {wait_p95}")
    return advice.changes
