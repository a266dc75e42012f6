"""Prefect's events: one for each change of state, so that automations can act on it."""

from prefect.events import emit_event

from pool import marks
from pool.changes import Change


def emit(change: Change) -> None:
    """Hand the change to Prefect's event stream; it is sent by a thread of Prefect's own, and nothing waits for it.

    The event is named ``dockerdriver.host.<state>`` or ``dockerdriver.instance.<state>``.
    """
    emit_event(
        change.event,
        occurred=change.at,
        resource={
            "prefect.resource.id": f"dockerdriver.{change.noun}.{change.subject}",
            "prefect.resource.name": change.subject,
            marks.POOL: change.pool,
        },
        payload={"state": change.state, "reason": change.reason, "host": change.host, "pool": change.pool},
    )
