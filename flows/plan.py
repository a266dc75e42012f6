"""Plan: what the next tick would do, and why. Nothing is done."""

from prefect import flow

from flows.steps.forms import Pool
from flows.steps.outcome import pipeline
from pool.housekeeping.plan import plan
from pool.reports.tables import plan_rows, reach_rows
from tasks.base import log, now
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
    rows = [*plan_rows(plan(seen, settings, now())), *reach_rows(seen.hosts, settings.host_grace)]
    for row in rows:
        log().info("%(what)s %(of)s: %(why)s", row)
    await show_plan(pool, rows)
    return rows
