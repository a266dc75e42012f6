"""What a platform is answered about the sessions that it asked for by one request."""

from collections.abc import Iterable, Mapping

from blocks.outside import log, outside
from pool.printable import how_many
from pool.records import Instance
from tasks.base import look_up, run_id


@look_up()
def show_class(taken: Iterable[Instance], refused: Mapping[str, str]) -> None:
    """Leave a table of all that were asked for: the artifact ``class-<id of the run>``, deleted with the run.

    That it cannot be left turns no recorded session into a failure: the run's message says the same.

    Args:
        taken: the sessions that are on record.
        refused: why others are not, by their ids.
    """
    rows: list[dict[str, object]] = [{"instance_id": one.id, "state": str(one.state), "refused": ""} for one in taken]
    rows += [{"instance_id": instance_id, "state": None, "refused": reason} for instance_id, reason in refused.items()]
    try:
        outside().prefect.write_table(rows, f"class-{run_id()}", f"{how_many(len(rows), 'session')}, asked for at once")
    except Exception as error:  # noqa: BLE001 - whatever Prefect's client meets, the sessions are on record
        log().warning("the table of %d sessions could not be left: %s", len(rows), error)
