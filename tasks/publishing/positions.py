"""Positions in a pool's queue, for the platform and for visitors who wait."""

from blocks.outside import outside
from tasks.base import pool_task
from tasks.publishing.platform import write_answers
from tasks.publishing.visitors import queue_notices
from tasks.sessions.positions import positions_in


@pool_task(task_run_name="publish the positions in the queue of {pool}")
def publish_positions(pool: str) -> None:
    """Bring the artifact ``instance-<id>`` of each session that waits up to date, and what its visitors are shown.

    Positions and estimates change without any change of state, so no outbox holds them.
    """
    write_answers(list(positions_in(pool).values()))
    if notices := queue_notices(pool):
        outside().gateway.put_notices(notices)
