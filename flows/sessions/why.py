"""Why: tell the life of a host, a session or a user's sessions, with the reasons."""

from prefect import flow

from flows.steps.forms import Name
from flows.steps.outcome import pipeline
from pool.reports.tables import history_rows
from tasks.base import log
from tasks.housekeeping.history import read_history, show_history


@flow(name="why", flow_run_name="why {name}", persist_result=True)
@pipeline
async def why(name: Name) -> list[dict]:
    """Tell what happened to a host, a session or a user's sessions, and why. The same as `dockerdriver why`.

    Args:
        name: Name of a host (main-07), of a session (its instance_id) or of a user (ada).

    Returns:
        One row for each change and each decision, oldest first: at, what, why. Also the artifact `why-<name>`.
    """
    rows = history_rows(await read_history(name))
    for row in rows:
        log().info("%(at)s  %(what)s: %(why)s", row)
    await show_history(name, rows)
    return rows
