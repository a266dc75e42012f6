"""What a test goes on with is there."""

from typing import TypeVar

Thing = TypeVar("Thing")


def present(thing: Thing | None) -> Thing:
    """Return what was looked for; a test in which it may be missing looks for itself.

    Raises:
        AssertionError: it is not there.
    """
    assert thing is not None
    return thing
