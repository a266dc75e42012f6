"""The lanes, what each may run beside, and in which order they get their turns.

Stacks look at the whole machine, and have an engine of their own: no engine for tests and no host may come or go beside
them. What is light may run beside everything; the others beside each other. Their order is such that all slots are done
at about one time.

What only computes, and is late for nothing, stands back in slots of its own: the rig of OpenStack is installed there,
types are checked, unit tests run, then lives are simulated in virtual time. It fills the moments in which all others
wait for a server or a host. What says soonest that a change is wrong comes first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition

#: So many at once. Lanes of hosts wait more than they compute; beside stacks, which compute, only two others run.
SLOTS = 4
#: And so many of what stands back: each keeps one core busy when nothing else does.
SLOTS_BEHIND = 2
#: How far, as in nice. Some unit tests start processes and wait for them, so long and no longer.
BEHIND, UNIT_BEHIND = 10, 5
#: What runs in `make test`: all but what `make test-nightly` is for.
CHOSEN = ("-m", "pytest", "-m", "not nightly")
#: The lanes of the unit tests, which are watched for coverage; it is judged when both are over.
UNIT = ("rules", "parts")
COVERED = ("--cov", "--cov-report=", "--cov-fail-under=0")
BUILD = Path("build")


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


def coverage_file(name: str) -> Path:
    """Where a turn writes what was covered in it, if it is told to watch."""
    return BUILD / f"coverage-{name}"


def lane(name: str, *after: str, niceness: int = 0, more: tuple[str, ...] = ()) -> Turn:
    """The turn of a lane of tests."""
    return Turn(name, (*CHOSEN, f"--lane={name}", *more), niceness, frozenset(after))


def behind(name: str, *words: str, after: Collection[str] = ()) -> Turn:
    """The turn of another program, one that stands back."""
    return Turn(name, words, BEHIND, frozenset(after))


TURNS = (
    lane("stacks"),
    behind("rig", "-m", "tests.rigs.openstack"),
    behind("types", "-m", "mypy"),
    *(lane(name, niceness=UNIT_BEHIND, more=COVERED) for name in UNIT),
    behind("coverage", "-m", "tests.rigs.lanes.covered", *(str(coverage_file(name)) for name in UNIT), after=UNIT),
    behind("recipes", "-m", "ansiblelint", "--offline", "--strict", "playbooks"),
    lane("servers"),
    lane("contracts"),
    lane("simulation", niceness=BEHIND),
    lane("demand", niceness=BEHIND),
    lane("configured", "stacks"),
    lane("openstack", "stacks", "rig"),
    lane("hosts", "stacks"),
    lane("gateway", "stacks"),
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
