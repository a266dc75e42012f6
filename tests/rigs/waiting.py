"""Waiting for what is meant, and never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

#: Seconds between two questions: at first, how they grow, and at most. A question to a server costs it as much as a
#: small request, and each process that starts would be asked for a hundred times; what comes soon is still seen soon.
FIRST, GROWS, LONGEST = 0.02, 1.25, 0.2


def until(
    true: Callable[[], Answer | None],
    what: str,
    seconds: float = 60.0,
    meanwhile: Callable[[], object] | None = None,
) -> Answer:
    """Ask again and again, and give the first answer that is true.

    Args:
        true: what is asked.
        what: it is, for the failure's message.
        seconds: that it may take. What passes does not wait for it: it is for a machine that does five things at once.
        meanwhile: what is done between two questions; None: nothing, for ever longer, but never long.

    Raises:
        AssertionError: it was not true in all that time.
    """
    deadline, pause = time.monotonic() + seconds, FIRST
    while not (answer := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        if meanwhile:
            meanwhile()
        else:
            time.sleep(pause)
            pause = min(GROWS * pause, LONGEST)
    return answer
