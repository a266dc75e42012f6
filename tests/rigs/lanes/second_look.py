"""The rules of the second look: which tests are run once more, and what their two outcomes say of the whole run.

Tests on real parts fail now and then by a race of their own. Few of them, run again alone and with fresh fixtures, tell
a race from a fault that is there each time. What passed only then is told, for it is a fault as well: in the test, or
in the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.rigs.lanes.outcomes import FAILED, PASSED, SKIPPED

#: More than so many of one lane have a cause in common: they are not looked at again.
AT_MOST = 3
#: Exit codes of pytest: each test passed, and some failed. All others say that the run itself did not end in order.
ALL_PASSED, SOME_FAILED = 0, 1


@dataclass(frozen=True)
class Look:
    """How a run of pytest ended, and what each of its tests came to, by its id."""

    code: int
    outcomes: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        return [test for test, outcome in self.outcomes.items() if outcome.startswith(FAILED)]


@dataclass(frozen=True)
class Lane:
    """Both looks at a lane; there is no second one where none was due, or the first was cut short."""

    name: str
    first: Look
    second: Look | None = None

    @property
    def flaky(self) -> dict[str, tuple[str, str]]:
        """The tests that passed only the second time, each with both its outcomes."""
        second = self.second.outcomes if self.second else {}
        return {
            test: (self.first.outcomes[test], PASSED) for test in look_again(self.first) if second.get(test) == PASSED
        }

    @property
    def is_good(self) -> bool:
        """Whether each test passed, the first or the second time, and pytest ended in order both times."""
        if self.second is None:
            return self.first.code == ALL_PASSED
        return self.second.code == ALL_PASSED and self.flaky.keys() == set(look_again(self.first))


def look_again(first: Look) -> list[str]:
    """Ids of the tests that are run once more: those that failed, if they are few and pytest itself ended in order."""
    return first.failed if first.code == SOME_FAILED and len(first.failed) <= AT_MOST else []


def exit_code(lanes: list[Lane], flaky_fails: bool) -> int:
    """0 when the run is good. *flaky_fails*: a test that passed only the second time is none that passed."""
    is_good = all(lane.is_good and not (flaky_fails and lane.flaky) for lane in lanes)
    return 0 if is_good else 1


def sentences(lanes: list[Lane]) -> list[str]:
    """One line for each lane or check that is not good, and for each test that passed only the second time."""
    return [
        *(f"not good: {lane.name} (exit code {lane.first.code}; build/{lane.name}.log)" for lane in _not_good(lanes)),
        *(
            f"passed only the second time: {test} ({first} the first time)"
            for lane in lanes
            for test, (first, _) in lane.flaky.items()
        ),
    ]


def table(lanes: list[Lane]) -> str:
    """The same for a file: id, first and second outcome, with tabs between them; empty when there is none."""
    return "".join(f"{test}\t{first}\t{then}\n" for lane in lanes for test, (first, then) in lane.flaky.items())


def closing_line(lanes: list[Lane], seconds: float) -> str:
    """What pytest's closing line would be, had all lanes been one run."""
    flaky = sum(len(lane.flaky) for lane in lanes)
    said = {
        "failed": sum(len(lane.first.failed) for lane in lanes) - flaky,
        "passed": _count(lanes, PASSED) + flaky,
        "passed only the second time": flaky,
        "skipped": _count(lanes, SKIPPED),
        "lanes not good": len(_not_good(lanes)),
    }
    words = ", ".join(f"{number} {what}" for what, number in said.items() if number)
    return f" {words or 'no test ran'} in {seconds:.2f}s ".center(80, "=")


def _not_good(lanes: list[Lane]) -> list[Lane]:
    return [lane for lane in lanes if not lane.is_good]


def _count(lanes: list[Lane], outcome: str) -> int:
    return sum(list(lane.first.outcomes.values()).count(outcome) for lane in lanes)
