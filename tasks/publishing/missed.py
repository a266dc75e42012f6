"""What a publisher that died, or could not tell, left untold."""

from tasks.base import pool_task
from tasks.publishing.publisher import publish_changes


@pool_task(task_run_name="publish missed changes")
def publish_missed() -> str:
    """Publish changes that no publisher has told yet; says whom it could not tell, or nothing."""
    return publish_changes()
