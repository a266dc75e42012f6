"""Tasks for the log of a session: read it on its host, show it."""

from collections.abc import Sequence

from blocks.outside import outside
from pool.errors import NotFound, Refused
from pool.records import Instance
from pool.sessions.log_lines import LogLine, check_lines, dated_lines, second_of
from tasks.base import look_up


@look_up(retries=1, retry_delay_seconds=1)
def read_log(instance_id: str, lines: int, since: str = "") -> list[LogLine]:
    """Read the last lines that the session's container wrote, after the moment of one that was read before.

    Nothing of it is a secret of the session.

    Raises:
        BadRequest: it is too many lines, or none; or *since* is no moment of a line.
        NotFound: there is no such session, or its container is gone.
        Refused: it is on no host: it waits for room, or is over.
        HostUnreachable: its host's engine does not answer.
    """
    check_lines(lines)
    second_of(since)
    instance = outside().store.instances.get(instance_id)
    if not instance.host:
        raise Refused(f"instance {instance.id} is {instance.state}: it has no container whose log could be read")
    return _log_of(instance, lines, since)


def _log_of(instance: Instance, lines: int, since: str) -> list[LogLine]:
    host = outside().store.hosts.get(instance.get_placement().host)
    engine = outside().engines.of(host)
    if engine.find(instance.container) is None:
        raise NotFound(f"instance {instance.id} is {instance.state}: there is no container of it on {host.name}")
    return dated_lines(engine.dated_logs(instance.container, lines + 1, second_of(since)), instance, lines, since)


@look_up()
def show_log(instance_id: str, lines: Sequence[LogLine]) -> None:
    """Leave the lines as a table, one row each: the artifact ``logs-<instance_id>``, in place of the one before."""
    rows = [line._asdict() for line in lines]
    outside().prefect.write_table(rows, key=f"logs-{instance_id}", description=f"Last log lines of {instance_id}")
