"""What Prefect's server does twice a second, and more, for nothing: changes to its own functions, as in `sparing`.

Each poll of a worker had it schedule two tasks, which write down that the pool's queues and deployments are in use; and
what carries out such tasks looked for one four times a second. At rest that was a seventh of its samples at the least,
and while sessions start it computes on the same core.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any

from prefect.server.api import background_workers
from prefect.server.models.deployments import mark_deployments_ready
from prefect.server.models.work_queues import mark_work_queues_ready

#: Seconds for which it is known that a queue, or a deployment, is in use. Prefect counts one as not in use after 60.
KNOWN_SECONDS = 15.0
#: Between two looks for tasks that are due; those that are due at once wait for no look.
LOOKS_APART = timedelta(seconds=1)
#: The names that it is to use are not its own, as far as its types know.
_later: Any = background_workers
NOTES = (mark_work_queues_ready, mark_deployments_ready)
MOST_KNOWN = 1000

Schedule = Callable[..., Awaitable[Any]]


def poll_for_less() -> None:
    """Have this process's Prefect server do all that follows."""
    note_polls_seldom()
    look_seldom_for_tasks()


def note_polls_seldom(clock: Callable[[], float] = time.monotonic) -> None:
    """Have it write down that queues and deployments are in use when that is news, or not known since a while.

    A queue that was not in use is noted at once, and its deployments after it.
    """
    add = _later.Docket.add
    known: dict[str, float] = {}

    @wraps(add)
    def add_seldom(self: Any, function: Any, *told: Any, **more: Any) -> Schedule:
        schedule = add(self, function, *told, **more)
        return partial(seldom, schedule, function.__name__) if function in NOTES else schedule

    async def seldom(schedule: Schedule, name: str, **what: Any) -> Any:
        if what.get("ready_work_queue_ids") or len(known) > MOST_KNOWN:
            known.clear()
        note = f"{name} {sorted((key, sorted(map(str, ids or ()))) for key, ids in what.items())}"
        if clock() < known.get(note, 0.0):
            return None
        asked_at = clock()
        answer = await schedule(**what)  # where that fails, as while Redis is away, nothing is known
        known[note] = asked_at + KNOWN_SECONDS
        return answer

    _later.Docket.add = add_seldom


def look_seldom_for_tasks() -> None:
    """Have what carries out tasks look once a second which of those that are to be done later are due."""
    _later.Worker = partial(_later.Worker, minimum_check_interval=LOOKS_APART, scheduling_resolution=LOOKS_APART)
