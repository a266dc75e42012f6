"""Sessions that are asked for at the same moment, and so are recorded together before one of their runs begins."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.reliability.accepted import Age, Request
from tests.reliability.in_flight import ask
from tests.reliability.works import Work

COUNT = 3  # beside those in flight there is room for no more on the stack


class Provision(Work):
    """The worker is struck, whichever of the runs it has found by then."""

    def prepare(self) -> None:
        self._names = [f"together-{uuid4().hex[:8]}" for _ in range(COUNT)]

    def begin(self) -> list[Request]:
        with ThreadPoolExecutor(COUNT) as threads:
            return list(threads.map(lambda name: ask(self._stack, Age.STRUCK, name), self._names))

    def became(self) -> str:
        states = Counter(str(one.state) for one in self._store.instances.named(self._names).values())
        said = [f"{count} sessions {state}" for state, count in sorted(states.items())]
        return ", ".join([*said, *([f"{lacking} never recorded"] if (lacking := COUNT - states.total()) else [])])
