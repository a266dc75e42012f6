"""How much of a tick goes on at once, and for how long: one slow host takes nothing from the others."""

from asyncio import Semaphore, get_running_loop, timeout, timeout_at
from collections import defaultdict
from collections.abc import Awaitable, Callable

from pool.errors import DockerDriverError
from tasks.base import log

DONE = "done"
ACT_SECONDS = 120  # for one thing; the retries of its tasks are in it
AT_ONCE, ON_ONE_HOST = 64, 4


class Pace:
    """The time and the places that the acts of one tick share."""

    def __init__(self, seconds: float):
        """Begin to count.

        Args:
            seconds: from now, after which nothing more is begun and what is under way is left to the next tick.
        """
        self._seconds = seconds
        self._end = get_running_loop().time() + seconds
        self._places = Semaphore(AT_ONCE)
        self._hosts: dict[str, Semaphore] = defaultdict(lambda: Semaphore(ON_ONE_HOST))

    async def do(self, where: str, act: Callable[[], Awaitable[None]]) -> str:
        """Do one thing when there is a place for it; how it ended, in words.

        Args:
            where: what it is done to: many things on one host share that host's places.
            act: begins the work.
        """
        begun = False
        try:
            async with timeout_at(self._end), self._hosts[where], self._places:
                begun = True
                async with timeout(ACT_SECONDS):
                    await act()
        except TimeoutError:
            return "not done in its time" if begun else f"not begun: the tick's {self._seconds:.0f} s were over"
        except DockerDriverError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a bug met in one act must not stop the others
            log().exception("%s: unexpected error", where)
            return f"{type(error).__name__}: {error}"
        return DONE
