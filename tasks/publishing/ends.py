"""Why the end of a session waits, for its platform and its visitors."""

from blocks.outside import log
from pool.records import Instance
from tasks.base import look_up
from tasks.publishing.current import tell_current
from tasks.publishing.platform import write_answers
from tasks.publishing.visitors import show_current


@look_up()
def tell_why_end_waits(instance: Instance) -> None:
    """Bring the artifact ``instance-<id>`` of a session up to date whose end waits, and what its visitors read.

    It waits for its backup, or, once that is made, for a host that does not remove its container. That is no change of
    its state, so no outbox holds it. Where it cannot be told now, the next try tells it.
    """
    try:
        tell_current([instance], write_answers)
        tell_current([instance], show_current)
    except Exception as error:  # noqa: BLE001 - telling must not hide why the end waits
        log().warning("why the end of %s waits is told later: %s: %s", instance.id, type(error).__name__, error)
