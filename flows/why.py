"""Why: tell the life of a host or a session, with the reasons."""

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact

from flows.steps.outcome import says_why
from pool.reports.tables import life_rows
from tasks.housekeeping.history import explain


@flow(name="why", flow_run_name="why {name}", persist_result=True)
@says_why
async def why(name: str) -> list[dict]:
    """Tell what happened to a host or a session, and why. The same as `dockerdriver why`.

    Args:
        name: Name of a host (main-07) or of a session (its instance_id).

    Returns:
        One row for each change and each decision, oldest first: at, what, why. Also the artifact `why-<name>`.
    """
    rows = life_rows(await explain(name))
    for row in rows:
        get_run_logger().info("%(at)s  %(what)s: %(why)s", row)
    await acreate_table_artifact(rows, key=f"why-{name}", description=f"What happened to {name}, and why")
    return rows
