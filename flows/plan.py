"""Plan: what the next tick would do, and why. Nothing is done."""

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact

from flows.steps.outcome import says_why
from pool.housekeeping.plan import plan
from pool.reports.tables import plan_rows
from tasks.housekeeping.observing import look_at
from tasks.housekeeping.recording import read_settings
from tasks.retrying import now


@flow(name="plan", flow_run_name="plan {pool}", persist_result=True)
@says_why
async def plan_tick(pool: str = "main") -> list[dict]:
    """Say what the next tick would decide for a pool, as it is now. The same as `dockerdriver plan`.

    Args:
        pool: Name of the pool.

    Returns:
        One row for each decision: what, of, why. Also the artifact `plan-<pool>`.
    """
    settings = await read_settings(pool)
    rows = plan_rows(plan(await look_at(pool), settings, now()))
    for row in rows:
        get_run_logger().info("%(what)s %(of)s: %(why)s", row)
    await acreate_table_artifact(rows, key=f"plan-{pool}", description=f"What the next tick of pool {pool} would do")
    return rows
