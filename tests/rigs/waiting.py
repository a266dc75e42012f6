"""Waiting for what is meant, and never for a fixed time."""

import time
from collections.abc import Callable


def until(
    true: Callable[[], object],
    what: str,
    seconds: float = 30.0,
    meanwhile: Callable[[], object] = lambda: time.sleep(0.05),
) -> object:
    """Ask again and again, and give the first answer that is true.

    Args:
        true: what is asked.
        what: it is, for the failure's message.
        seconds: that it may take.
        meanwhile: what is done between two questions.

    Raises:
        AssertionError: it was not true in all that time.
    """
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        meanwhile()
    return answer
