"""Instance logs: tell a platform the last lines that a session's program wrote."""

from prefect import flow

from flows.steps.forms import AfterLine, InstanceId, Lines
from flows.steps.outcome import pipeline
from tasks.sessions.logs import read_log, show_log


@flow(name="instance-logs", flow_run_name="logs of {instance_id}", persist_result=True)
@pipeline
async def instance_logs(instance_id: InstanceId, lines: Lines = 100, since: AfterLine = "") -> list[str]:
    """Read the last lines that a session's program wrote, while it is on a host. Its token and route are hidden.

    To follow a log, read it again with the moment of the last line: no connection is held, and no line comes twice.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        lines: How many, 1 to 1000; no more than 64,000 characters are answered.
        since: `at` of the last line that was read before: what was written later. Empty: the last lines.

    Returns:
        The lines, oldest first. Also the artifact `logs-<instance_id>`, one row each, with `at` and `line`.
    """
    said = await read_log(instance_id, lines, since)
    await show_log(instance_id, said)
    return [one.line for one in said]
