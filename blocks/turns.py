"""What threads of one process tell each other to save work. None of it holds an invariant: only the database does."""

from asyncio import wait, wait_for, wrap_future
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock

LAST_TIMES = 5  # that are kept of what takes time again and again


@dataclass
class _Line:
    """How many calls are at something that only so many may be at once, and those that wait for it, in their order."""

    busy: int = 0
    waiting: deque[Future[None]] = field(default_factory=deque)
    last: deque[Future[None]] = field(default_factory=deque)  # whose turn comes when none of the others waits

    def move_up(self, most: int) -> None:
        """Give the free places to the calls that waited longest; one that was cancelled meanwhile gets none."""
        while (line := self.waiting or self.last) and (self.busy < most or not most):
            turn = line.popleft()
            if turn.set_running_or_notify_cancel():
                self.busy += 1
                turn.set_result(None)


class Turns:
    """One at a time where two threads would only keep each other from working; and who looks at what soon anyway."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._moving = Lock()
        self._locks: dict[str, Lock] = {}
        self._looks: Counter[str] = Counter()
        self._promised: dict[str, float] = {}
        self._relied_on: set[str] = set()  # names of promises by which a start is left to a run that is still to come
        self._counting = Lock()
        self._rests: dict[str, float] = {}
        self._works: dict[str, Future[None]] = {}
        self._times = defaultdict[str, deque[float]](lambda: deque(maxlen=LAST_TIMES))

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """Wait until no other thread has the turn of this name, and have it for the block."""
        with self._locks.setdefault(name, Lock()):
            yield

    @asynccontextmanager
    async def one_of(self, name: str, most: int, patience: float, last: bool = False) -> AsyncIterator[None]:
        """Be one of at most so many at the thing of this name, for the block; the others wait in order.

        Event loops of several threads may share a name. A call that is cancelled while it waits leaves the line.

        Args:
            name: of the thing.
            most: at once; 0: no limit. What is said last counts.
            patience: seconds in the line after which a call goes on all the same: those before it may be stuck.
            last: whether it lets all others pass that are not, also those that come later.
        """
        turn: Future[None] = Future()
        with self._moving:
            line = self._lines.setdefault(name, _Line())
            (line.last if last else line.waiting).append(turn)
            line.move_up(most)
        try:
            with suppress(TimeoutError):
                await wait_for(wrap_future(turn), patience)
            yield
        finally:
            self._leave(name, line, turn, most)

    def _leave(self, name: str, line: _Line, turn: Future[None], most: int) -> None:
        with self._moving:
            if not turn.cancel():  # it was given: it is given back
                line.busy -= 1
            line.move_up(most)
            if not (line.busy or line.waiting or line.last) and self._lines.get(name) is line:
                del self._lines[name]

    @contextmanager
    def looking_later(self, name: str) -> Iterator[None]:
        """Say, for the block, that the caller looks at the thing of this name right after it.

        What another thread changed before it asked :meth:`is_looked_at_later`, the caller then sees.
        """
        self._count(name, 1)
        with self._counting:
            self._promised.pop(name, None)  # the promise is kept
            self._relied_on.discard(name)
        try:
            yield
        finally:
            self._count(name, -1)

    def promise_look(self, name: str, uptime: float, seconds: float) -> None:
        """Say that a caller will soon be in :meth:`looking_later`; it counts for so many seconds of the uptime."""
        with self._counting:
            self._promised = {known: until for known, until in self._promised.items() if until > uptime}
            self._relied_on &= self._promised.keys()
            self._promised[name] = uptime + seconds

    def rely_on(self, name: str) -> None:
        """Say that something is left to the caller that was promised."""
        with self._counting:
            self._relied_on |= {name} & self._promised.keys()

    def break_promise(self, name: str) -> bool:
        """Say that the caller does not come here after all; whether something was left to it meanwhile."""
        with self._counting:
            self._promised.pop(name, None)
            was_relied_on = name in self._relied_on
            self._relied_on.discard(name)
            return was_relied_on

    def is_looked_at_later(self, name: str, uptime: float = float("inf")) -> bool:
        """Whether a caller has said so, and has not looked yet; or whether it was promised, and still counts."""
        return self._looks[name] > 0 or self.is_promised(name, uptime)

    def is_promised(self, name: str, uptime: float) -> bool:
        """Whether a caller that was promised is still to come."""
        return uptime < self._promised.get(name, 0.0)

    def _count(self, name: str, change: int) -> None:
        with self._counting:
            self._looks[name] += change
            if not self._looks[name]:
                del self._looks[name]

    def begin_work(self, name: str) -> Callable[[], None]:
        """Say that the caller works on the thing of this name; until what this returns is called."""
        work = self._works[name] = Future()

        def end() -> None:
            if self._works.get(name) is work:
                del self._works[name]
            work.set_result(None)

        return end

    async def end_of_work(self, name: str, patience: float) -> None:
        """Wait until the caller of :meth:`begin_work` works on it no more, at most so many seconds."""
        if work := self._works.get(name):
            await wait([wrap_future(work)], timeout=patience)

    def note_time(self, name: str, seconds: float) -> None:
        """Say how long the thing of this name took just now."""
        self._times[name].append(seconds)

    def shortest_time(self, name: str) -> float:
        """Return the shortest of the last few times that it took; 0: none is known."""
        return min([*self._times.get(name, ())], default=0.0)

    def rest(self, name: str, until: float) -> None:
        """Have the thing of this name done no more before a moment of the machine's uptime, in seconds."""
        self._rests[name] = until

    def rest_of(self, name: str, uptime: float) -> float:
        """Seconds after which it is to be done again; 0: it may be done now."""
        return max(0.0, self._rests.get(name, 0.0) - uptime)
