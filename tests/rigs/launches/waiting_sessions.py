"""How soon a session that has to wait is told so."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pool.states import InstanceState
from tests.rigs.launches.figures import Told
from tests.rigs.launches.launch_stack import FIT, LARGE
from tests.rigs.launches.ours import START, Ours
from tests.rigs.stacks.stack import Stack

LOOK_SECONDS = 0.05  # between two looks at all answers, by one request: looking costs the server little
PATIENCE = 60.0


def told_to_wait(stack: Stack, count: int, over: threading.Event) -> Told:
    """Ask for so many at once, of which a few have room; how soon a platform can read of the others that they wait."""
    ours = Ours(stack, "waiting", LARGE, over)
    names = [f"waiting-{number}" for number in range(count)]
    asked: dict[str, float] = {}

    def ask(name: str) -> None:
        asked[name] = time.monotonic()
        ours.ask(START, instance_id=name, blueprint=LARGE)

    with ThreadPoolExecutor(count) as threads:
        asking = [threads.submit(ask, name) for name in names]
        told = _watched(ours, names, asked, over)
    for each in asking:
        each.result()
    ours.end(names)
    ours.close()
    return told


def _watched(ours: Ours, names: Sequence[str], asked: dict[str, float], over: threading.Event) -> Told:
    """Look until as many as have no room were told that they wait."""
    told: dict[str, float] = {}
    seen: dict[str, str] = {}
    deadline = time.monotonic() + PATIENCE
    while len(told) < len(names) - FIT and time.monotonic() < deadline and not over.wait(LOOK_SECONDS):
        seen |= ours.answered(names)
        for name in _queued(seen):
            told.setdefault(name, round(time.monotonic() - asked[name], 3))
    lacking = len(names) - FIT - len(told)
    return Told(sorted(told.values()), [f"{lacking} that wait were not told in {PATIENCE:.0f} s"] * bool(lacking))


def _queued(seen: dict[str, str]) -> Iterable[str]:
    return (name for name, state in seen.items() if state == InstanceState.QUEUED)
