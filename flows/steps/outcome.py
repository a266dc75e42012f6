"""How a pipeline ends when it cannot do what was asked."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect.client.schemas.objects import State
from prefect.states import Failed

from pool.errors import DockerDriverError
from tasks.base import flush_publisher

P = ParamSpec("P")


def pipeline(flow: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any | State]]:
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
            await flush_publisher()
            raise
        await flush_publisher()
        return ended

    return run
