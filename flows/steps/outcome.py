"""How a pipeline ends when it cannot do what was asked."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

from prefect.client.schemas.objects import State
from prefect.states import Failed

from pool.errors import DockerDriverError
from pool.reports.run_tags import tags_of_run
from tasks.base import flush_publisher, log, run_parameters, tag_run

P = ParamSpec("P")


def pipeline(flow: Callable[P, Awaitable[Any]]) -> Callable[P, Coroutine[Any, Any, Any]]:
    """End the run as Failed, with the error's one sentence as its state message instead of a traceback.

    What the run changed is published before it ends, so that a platform that waits for the run finds the answer.
    """

    @wraps(flow)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any | State:
        try:
            ended = await flow(*args, **kwargs)
        except DockerDriverError as error:
            ended = Failed(message=str(error))
        except Exception:  # not what ends the process, nor a coroutine that is closed: neither may wait
            await _tell_all()
            raise
        await _tell_all()
        return ended

    return run


async def _tell_all() -> None:
    """Publish what the run changed, and meanwhile tag it, if its worker did not; a run without tags is no failure."""
    _, tagged = await gather(flush_publisher(), tag_run(tags_of_run(run_parameters())), return_exceptions=True)
    if isinstance(tagged, Exception):
        log().debug("the run has no tags: %s", tagged)
