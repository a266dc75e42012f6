"""Ask before something is done that cannot be taken back."""

from pool.errors import Refused
from tasks.base import confirmed_by_operator

WAIT_SECONDS = 900


async def confirm(question: str) -> None:
    """Pause the run until an operator says in Prefect's UI that it is meant; nothing was done before.

    Raises:
        Refused: the operator said no, or nothing for 15 minutes.
    """
    if not await confirmed_by_operator(question, WAIT_SECONDS):
        raise Refused(
            f"{question}; that was not confirmed, so nothing is done: run it again, with confirmed to be asked nothing"
        )
