"""`dockerdriver session …`: what an operator asks of one session. Imports wait, as in `cli`."""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from blocks.settings import ProcessSettings
from pool.sessions.log_lines import LEFT_OUT, MOST_LINES
from runtime.verbs.output import show_json

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi

LOGS = "instance-logs/on-demand"
LOG_SECONDS = 90
FOLLOW_SECONDS = 3  # each read is a flow run
INTERRUPTED = 130  # as in `cli`


def logs(settings: ProcessSettings, instance_id: str, lines: int, follow: bool = False, as_json: bool = False) -> int:
    """Print the last lines that a session's program wrote; its token and route are hidden.

    Example: dockerdriver session logs ada-1 --lines 20 --follow

    Following ends with the session, or with Ctrl-C. As JSON, each line is an object of its own then.

    Raises:
        DockerDriverError: there is no such session, it is on no host, its host does not answer, or the stack is down.
    """
    from blocks.stored.api_password import prefect_api  # noqa: PLC0415 - fast answers first

    if not follow:
        show_log(prefect_api(settings), instance_id, lines, as_json)
        return 0
    try:
        follow_log(prefect_api(settings), instance_id, lines, as_json)
    except KeyboardInterrupt:  # the usual end
        return INTERRUPTED


def follow_log(
    api: "PrefectApi", instance_id: str, lines: int, as_json: bool, pause: Callable[[float], None] = time.sleep
) -> NoReturn:
    """Have the flow read the log again and again, each time what came after the last line.

    Each read is bounded, and no connection is held meanwhile: to a host, a worker or the server.

    Raises:
        DockerDriverError: as :func:`logs`; also when the session ends.
    """
    since = ""
    while True:
        most = MOST_LINES if since else lines
        run = api.trigger(LOGS, instance_id=instance_id, lines=most, since=since)
        api.await_end(run, LOGS, LOG_SECONDS)
        rows = [row for row in api.table_of(run, f"logs-{instance_id}") if _is_new(row, since)]
        for row in rows:
            print(json.dumps(row, ensure_ascii=False) if as_json else row["line"])
        since = max((row["at"] for row in rows), default=since)
        sys.stdout.flush()
        pause(FOLLOW_SECONDS)


def _is_new(row: dict, since: str) -> bool:
    """Whether a row was not printed yet: a run that found the same as one before it left no rows of its own."""
    return not since or row["at"] > since or (row["at"] == since and row["line"] == LEFT_OUT)


def show_log(api: "PrefectApi", instance_id: str, lines: int, as_json: bool) -> None:
    """Have the flow read the log, and print what it left."""
    api.run_to_its_end(LOGS, LOG_SECONDS, instance_id=instance_id, lines=lines)
    said = [row["line"] for row in api.table(f"logs-{instance_id}")]
    if as_json:
        show_json({"instance_id": instance_id, "lines": said})
    elif not said:
        print(f"{instance_id} printed nothing yet", file=sys.stderr)
    else:
        sys.stdout.writelines(line + "\n" for line in said)
