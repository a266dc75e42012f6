"""The process's one publisher: a thread that tells what was committed, so that no work waits for it."""

import atexit
import logging
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from threading import Condition, Thread
from time import monotonic
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext

from pool.errors import DockerDriverError

EXIT_SECONDS = 5
#: For which changes are gathered before they are told. A session that has room is queued and starting within as much:
#: it is told once. A person does not see it, and a run that ends waits for none of it.
TOGETHER_SECONDS = 0.2

_logger = logging.getLogger(__name__)


class Publisher:
    """Publishes soon after it was woken; several changes that are committed together are told together.

    Args:
        together: seconds that it waits for more to tell, unless what there is is waited for.
    """

    def __init__(self, together: float = 0.0) -> None:
        self._together = together
        self._wanted = self._done = self._awaited = 0
        self._again_at: float | None = None
        self._changed = Condition()
        self._thread: Thread | None = None

    def wake(self, publish: Callable[[], object]) -> None:
        """Have *publish* called soon, in the publisher's thread; it returns at once."""
        with self._changed:
            self._wanted += 1
            self._changed.notify_all()
            if self._thread is None:
                context = _outside_of_runs()
                self._thread = Thread(target=context.run, args=(self._run, publish), name="publisher", daemon=True)
                self._thread.start()
                atexit.register(self.flush, EXIT_SECONDS)

    def flush(self, seconds: float) -> bool:
        """Wait until all that was committed before this call is told, at most so many seconds; whether it is."""
        with self._changed:
            wanted = self._awaited = self._wanted
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done >= wanted, seconds)

    def again(self, seconds: float) -> None:
        """Have all be told once more after so many seconds, if nothing has it told before; said while it publishes."""
        with self._changed:
            self._again_at = monotonic() + seconds
            self._changed.notify_all()

    def _run(self, publish: Callable[[], object]) -> None:
        while True:
            with self._changed:
                while self._wanted == self._done and (left := self._until_again()) != 0:
                    self._changed.wait(left)
                if self._wanted > self._done:
                    self._changed.wait_for(lambda: self._awaited > self._done, self._together)
                wanted, self._again_at = self._wanted, None
            try:
                publish()
            except DockerDriverError as error:
                _logger.warning("the next tick publishes the changes: %s", error)
            except Exception:
                _logger.exception("unexpected error while publishing changes; the next tick publishes them")
            with self._changed:
                self._done = wanted
                self._changed.notify_all()

    def _until_again(self) -> float | None:
        """Seconds until all is to be told once more; None: it is not, unless there is more to tell."""
        return None if self._again_at is None else max(0.0, self._again_at - monotonic())


def _outside_of_runs() -> Context:
    """Return this context, with Prefect's settings, that say where its server is, and without the run that asks.

    The thread lives on after that run: it would tell of each later change as if that had been the run's.
    """
    context = copy_context()
    variables: list[ContextVar[Any]] = [FlowRunContext.__var__, TaskRunContext.__var__]
    for variable in variables:
        context.run(variable.set, None)
    return context
