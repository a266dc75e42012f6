"""What the doctor tells of each thing that it looked at."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from runtime.verbs.output import say, show_json

Say = Callable[[str], None]


class Condition(StrEnum):
    """How a thing is; the last three are problems."""

    OK = "ok"
    UNKNOWN = "--"  # it cannot be known now
    MISSING = "MISSING"  # it is not there, or not as it must be
    WRONG = "WRONG"  # something that was configured cannot be read or makes no sense
    ENDING = "ENDING"  # a certificate that runs out


_PROBLEMS = frozenset({Condition.MISSING, Condition.WRONG, Condition.ENDING})


@dataclass(frozen=True)
class Told:
    """One thing. Without a condition it is the heading of those that follow."""

    says: str
    condition: Condition | None = None
    fix: str = ""
    about: str = ""  # the pool that it is about; empty: the installation

    @property
    def is_problem(self) -> bool:
        """Whether an operator has something to do."""
        return self.condition in _PROBLEMS

    @property
    def line(self) -> str:
        """For people: one line, and one more with the fix."""
        if self.condition is None:
            return self.says
        fix = f"\n           fix: {self.fix}" if self.fix else ""
        return f"  {self.condition:<8} {self.says}{fix}"


def tell(found: Iterable[Told], to: Say = say) -> int:
    """Say each as soon as it is known; how many problems there are."""
    problems = 0
    for one in found:
        to(one.line)
        problems += one.is_problem
    return problems


def tell_program(found: Iterable[Told]) -> int:
    """Print all of them as JSON; how many problems there are."""
    known = [one for one in found if one.condition]
    show_json([asdict(one) for one in known])
    return sum(one.is_problem for one in known)
