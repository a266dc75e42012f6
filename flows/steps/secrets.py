"""The end of secrets for one use."""

from pool.records import Instance
from pool.sessions.secrets import sealed_of
from tasks.base import log
from tasks.sessions.secrets import drop_sealed


async def done_with_secrets(instance: Instance) -> None:
    """Delete the secrets for one use of a session that has them by now, or is over.

    No error is raised: the session is what it is by then, and a tick deletes what is left.
    """
    if not sealed_of(instance.options):
        return
    try:
        await drop_sealed(instance)
    except Exception as error:  # noqa: BLE001 - see above
        log().warning("a secret for one use of %s is left to a tick: %s", instance.id, type(error).__name__)
