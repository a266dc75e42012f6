"""Tell Prefect of every change of state, once."""

from blocks.database import pool_store
from blocks.events import emit


async def tell_changes() -> None:
    """Emit an event for each change that none was emitted for yet.

    Called after every move, and by every tick for those of a process that died between the two. A change is claimed
    before it is told, so that two tellers do not tell it twice: a process that dies in that moment leaves one untold.
    """
    for change in pool_store().history.claim_untold():
        emit(change)
