"""What a publisher that died, or could not tell, left untold."""

from blocks.outside import outside
from tasks.base import look_up, pool_task
from tasks.publishing.publisher import publish_changes


@look_up()
def changes_are_left() -> bool:
    """Whether there are changes that an audience was not told of."""
    return outside().store.history.is_anything_unpublished()


@pool_task(task_run_name="publish missed changes")
def publish_missed() -> str:
    """Publish changes that no publisher has told yet; says whom it could not tell, or nothing."""
    return publish_changes()
