"""The lanes, what each may run beside, and in which order they get their turns.

Stacks look at the whole machine, and have an engine of their own: no engine for tests and no host may come or go beside
them. What is light runs beside everything; the others beside each other. Long ones come first, so that all slots are
done at about one time.

What only computes, and is late for nothing, stands back in a slot of its own: the rig of OpenStack is installed there,
then lives are simulated in virtual time. It fills the moments in which all others wait for a server or a host.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from threading import Condition

#: So many at once keep two cores busy: most of them wait for servers and hosts.
SLOTS = 3
#: And so many of what stands back.
SLOTS_BEHIND = 1
#: What runs in `make test`: all but the unit tests, which were run before, and what `make test-nightly` is for.
CHOSEN = ("-m", "pytest", "-m", "not unit and not nightly")


@dataclass(frozen=True)
class Turn:
    """One process: its arguments for Python, how far it stands back (as in nice), and what must be over before."""

    name: str
    words: tuple[str, ...]
    niceness: int = 0
    after: frozenset[str] = frozenset()

    @property
    def stands_back(self) -> bool:
        return self.niceness > 0


def lane(name: str, *after: str, niceness: int = 0) -> Turn:
    """The turn of a lane of tests."""
    return Turn(name, (*CHOSEN, f"--lane={name}"), niceness, frozenset(after))


TURNS = (
    lane("stacks"),
    Turn("rig", ("-m", "tests.rigs.openstack"), niceness=10),
    lane("servers"),
    lane("contracts"),
    lane("simulation", niceness=5),
    lane("hosts", "stacks"),
    lane("openstack", "stacks", "rig"),
    lane("configured", "stacks"),
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

    def take(self, behind: bool = False) -> Turn | None:
        """The next one that stands back, or does not, as soon as one may begin; None when none is left."""
        with self._changed:
            while waiting := [turn for turn in self._waiting if turn.stands_back is behind]:
                if turn := next_turn(waiting, self._over):
                    self._waiting.remove(turn)
                    return turn
                self._changed.wait()
        return None

    def end(self, turn: Turn) -> None:
        """Note that it is over."""
        with self._changed:
            self._over.add(turn.name)
            self._changed.notify_all()
