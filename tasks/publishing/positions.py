"""Positions in a pool's queue, for the platform and for visitors who wait."""

from blocks.outside import outside
from tasks.base import pool_task
from tasks.publishing.current import tell_current
from tasks.publishing.platform import write_answers
from tasks.publishing.visitors import show_current


@pool_task(task_run_name="publish the positions in the queue of {pool}")
def publish_positions(pool: str) -> None:
    """Bring the artifact ``instance-<id>`` of each session that waits up to date, and what its visitors are shown.

    Positions and estimates change without any change of state, so no outbox holds them.
    """
    waiting = outside().store.instances.queue(pool)
    tell_current(waiting, write_answers)
    tell_current(waiting, show_current)
