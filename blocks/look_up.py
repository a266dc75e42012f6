"""A step of a flow that only looks: called as the others are, with its retries and its time limit, but no task run.

A task run costs Prefect's database a row, three states and as many events with all that they are related to. An act is
worth that: an operator sees it in the UI. A look at what is there, thirty seconds after the last one, is not.
"""

from asyncio import sleep, wait_for
from collections.abc import Iterator
from typing import Any, Generic, ParamSpec

from prefect import Task

from pool.errors import EngineTrouble, Refused

P = ParamSpec("P")


class LookUp(Task[P, Any], Generic[P]):
    """Looks at something, writes down what was seen, or shows it; or writes to SQL alone, in milliseconds."""


async def carry_out(step: LookUp, args: tuple, kwargs: dict, log: Any) -> Any:
    """Call the step's function in the run that asks, again where it failed and has retries left.

    Raises:
        TimeoutError: it took longer than its time limit.
    """
    for pause in _pauses(step):
        try:
            return await wait_for(step.fn(*args, **kwargs), step.timeout_seconds)
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("%s: tried again in %s s, because %s: %s", step.name, pause, type(error).__name__, error)
            await sleep(pause)
    return await wait_for(step.fn(*args, **kwargs), step.timeout_seconds)


def may_pass(error: BaseException) -> bool:
    """Whether it is worth trying again: a refusal stays a refusal, of an engine as well; anything else may pass."""
    return error.blame.again if isinstance(error, EngineTrouble) else not isinstance(error, Refused)


def _pauses(step: LookUp) -> Iterator[float]:
    """Seconds before each retry; the last of a list counts for all that follow."""
    delays = step.retry_delay_seconds or 0
    for number in range(step.retries or 0):
        yield delays[min(number, len(delays) - 1)] if isinstance(delays, list) else float(delays)
