"""How a pipeline ends when it cannot do what was asked."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect.client.schemas.objects import State
from prefect.states import Failed

from pool.errors import DockerDriverError

P = ParamSpec("P")


def says_why(pipeline: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any | State]]:
    """End the run as Failed, with the error's one sentence as its state message instead of a traceback."""

    @wraps(pipeline)
    async def run(*args: P.args, **kwargs: P.kwargs) -> Any | State:
        try:
            return await pipeline(*args, **kwargs)
        except DockerDriverError as error:
            return Failed(message=str(error))

    return run
