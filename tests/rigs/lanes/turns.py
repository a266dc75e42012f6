"""The lanes, what each may run beside, and in which order they get their turns.

Stacks look at the whole machine, and have an engine of their own: no engine for tests and no host may come or go beside
them. What is light runs beside everything; the others beside each other. The rig of OpenStack is installed meanwhile.
Long ones come first, so that all slots are done at about one time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Condition

#: So many at once keep two cores busy: most of them wait for servers and hosts.
SLOTS = 3
#: What runs in `make test`: all but the unit tests, which were run before, and what `make test-nightly` is for.
CHOSEN = ("-m", "pytest", "-m", "not unit and not nightly")


@dataclass(frozen=True)
class Turn:
    """One process: its arguments for Python, how far it stands back (as in nice), and what must be over before."""

    name: str
    words: tuple[str, ...]
    niceness: int = 0
    after: frozenset[str] = frozenset()


def lane(name: str, *after: str) -> Turn:
    """The turn of a lane of tests."""
    return Turn(name, (*CHOSEN, f"--lane={name}"), after=frozenset(after))


TURNS = (
    lane("stacks"),
    Turn("rig", ("-m", "tests.rigs.openstack"), niceness=10),
    lane("servers"),
    lane("contracts"),
    lane("configured", "stacks"),
    lane("simulation"),
    lane("hosts", "stacks"),
    lane("openstack", "stacks", "rig"),
    lane("gateway"),
    lane("images", "stacks"),
)


def next_turn(waiting: Sequence[Turn], over: Collection[str]) -> Turn | None:
    """The first one that may begin; None when each has to wait."""
    return next((turn for turn in waiting if turn.after <= set(over)), None)


class Turns:
    """Hands out the turns, to several threads at once."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._waiting, self._over, self._changed = list(turns), set[str](), Condition()

    def take(self) -> Turn | None:
        """The next one, as soon as one may begin; None when none is left."""
        with self._changed:
            while self._waiting:
                if turn := next_turn(self._waiting, self._over):
                    self._waiting.remove(turn)
                    return turn
                self._changed.wait()
        return None

    def end(self, turn: Turn) -> None:
        """Note that it is over."""
        with self._changed:
            self._over.add(turn.name)
            self._changed.notify_all()
