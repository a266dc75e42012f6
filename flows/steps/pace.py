"""How much of a tick goes on at once, and for how long: one slow host takes nothing from the others."""

from asyncio import Semaphore, get_running_loop, timeout, timeout_at
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pool.errors import DockerDriverError
from tasks.base import log

ACT_SECONDS = 120  # for one thing; the retries of its tasks are in it
AT_ONCE, ON_ONE_HOST = 64, 4


@dataclass(frozen=True)
class Outcome:
    """How one act ended."""

    done: bool
    words: str  # "done", or what was not done and why


DONE = Outcome(True, "done")


class Pace:
    """The time and the places that the acts of one tick share."""

    def __init__(
        self,
        seconds: float,
        act_seconds: float = ACT_SECONDS,
        at_once: int = AT_ONCE,
        on_one_host: int = ON_ONE_HOST,
    ) -> None:
        """Begin to count.

        Args:
            seconds: from now, after which nothing more is begun and what is under way is left to the next tick.
            act_seconds: that one act may take.
            at_once: acts at the same time.
            on_one_host: acts at the same time on one host.
        """
        self._seconds, self._act_seconds = seconds, act_seconds
        self._end = get_running_loop().time() + seconds
        self._places = Semaphore(at_once)
        self._hosts: dict[str, Semaphore] = defaultdict(lambda: Semaphore(on_one_host))

    async def do(self, where: str, act: Callable[[], Awaitable[None]]) -> Outcome:
        """Do one thing when there is a place for it; returns how it ended.

        Args:
            where: what it is done to: many things on one host share that host's places.
            act: begins the work.
        """
        begun = False
        try:
            async with timeout_at(self._end), self._hosts[where], self._places:
                begun = True
                async with timeout(self._act_seconds):
                    await act()
        except TimeoutError:
            late = "not done in its time" if begun else f"not begun: the tick's {self._seconds:.0f} s were over"
            return Outcome(False, late)
        except DockerDriverError as error:
            return Outcome(False, str(error))
        except Exception as error:  # noqa: BLE001 - a bug met in one act must not stop the others
            log().exception("%s: unexpected error", where)
            return Outcome(False, f"{type(error).__name__}: {error}")
        return DONE
