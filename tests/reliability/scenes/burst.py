"""Many sessions at once, of which some take a standby, while one of them, or what begins another standby, is struck."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.reliability.accepted import Age, Request
from tests.reliability.in_flight import ask
from tests.reliability.scenes import standby
from tests.reliability.scenes.standby import STANDING
from tests.rigs.stacks.stack import Stack

SIZE = 8  # beside the one that is struck: more than there are standbys, fewer than there is room for


class Provision(standby.Provision):
    """The session that is struck is one of many."""

    def begin(self) -> list[Request]:
        return [*super().begin(), *at_once(self._stack)]


class Begin(standby.Begin):
    """The others ask while another standby is begun."""

    def begin(self) -> list[Request]:
        return [*super().begin(), *at_once(self._stack)]


def at_once(stack: Stack) -> list[Request]:
    """Ask for sessions that standbys are for; the campaign ends them."""
    names = [f"burst-{uuid4().hex[:8]}" for _ in range(SIZE)]
    with ThreadPoolExecutor(SIZE) as threads:
        return list(threads.map(lambda name: ask(stack, Age.POSTED, name, STANDING), names))
