"""`dockerdriver session …`: what an operator asks of one session. Imports wait, as in `cli`."""

import sys
from typing import TYPE_CHECKING

from blocks.settings import ProcessSettings
from runtime.verbs.output import show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

LOG_SECONDS = 90


def logs(settings: ProcessSettings, instance_id: str, lines: int, as_json: bool = False) -> int:
    """Print the last lines that a session's program wrote; its token and route are hidden.

    Example: dockerdriver session logs ada-1 --lines 20

    Raises:
        DockerDriverError: there is no such session, it is on no host, its host does not answer, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - fast answers first

    show_log(prefect_api(settings), instance_id, lines, as_json)
    return 0


def show_log(api: "PrefectApi", instance_id: str, lines: int, as_json: bool) -> None:
    """Have the flow read the log, and print what it left."""
    api.run_to_its_end("instance-logs/on-demand", LOG_SECONDS, instance_id=instance_id, lines=lines)
    said = [row["line"] for row in api.table(f"logs-{instance_id}")]
    if as_json:
        show_json({"instance_id": instance_id, "lines": said})
    elif not said:
        print(f"{instance_id} printed nothing yet", file=sys.stderr)
    else:
        sys.stdout.writelines(line + "\n" for line in said)
