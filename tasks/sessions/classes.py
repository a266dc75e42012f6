"""What a platform is answered about the sessions that it asked for by one request."""

from collections.abc import Iterable, Mapping

from blocks.outside import outside
from pool.records import Instance
from tasks.base import look_up, run_id


@look_up(retries=1, retry_delay_seconds=1)
def show_class(taken: Iterable[Instance], refused: Mapping[str, str]) -> None:
    """Leave a table of all that were asked for: the artifact ``class-<id of the run>``, deleted with the run.

    Args:
        taken: the sessions that are on record.
        refused: why others are not, by their ids.
    """
    rows: list[dict[str, object]] = [{"instance_id": one.id, "state": str(one.state), "refused": ""} for one in taken]
    rows += [{"instance_id": instance_id, "state": None, "refused": reason} for instance_id, reason in refused.items()]
    outside().prefect.write_table(rows, key=f"class-{run_id()}", description=f"{len(rows)} sessions, asked for at once")
