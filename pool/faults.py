"""All that is wrong with what a user wrote, said at once: each fault that is told alone costs the user one more try."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pool.errors import BadRequest, Refused

Given = TypeVar("Given")
Read = TypeVar("Read")


class Faults:
    """Faults that are gathered, until they are refused together."""

    def __init__(self) -> None:
        self._found: list[Refused] = []

    def __str__(self) -> str:
        """Say each fault once, in the order in which they were found."""
        return "; ".join(dict.fromkeys(map(str, self._found)))

    def __bool__(self) -> bool:
        return bool(self._found)

    def note(self, words: str) -> None:
        """Note what is wrong, in the words of one sentence."""
        self._found.append(BadRequest(words))

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Note what is refused in the block, which ends there, and go on behind it."""
        try:
            yield
        except Refused as error:
            self._found.append(error)

    def refuse(self) -> None:
        """Refuse all that was noted; nothing, where there is none.

        Raises:
            Refused: of the kind that all of them are; a BadRequest where they are of several kinds.
        """
        if self._found:
            kinds = {type(error) for error in self._found}
            raise (kinds.pop() if len(kinds) == 1 else BadRequest)(str(self))


def read_each(read: Callable[[Given], Read], given: Iterable[Given]) -> list[Read]:
    """Read each of these; what cannot be read is refused together.

    Raises:
        Refused: names all of them.
    """
    faults, found = Faults(), list[Read]()
    for one in given:
        with faults.gathered():
            found.append(read(one))
    faults.refuse()
    return found
