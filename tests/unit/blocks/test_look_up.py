"""A look-up is called like a task, with its retries and its time limit, and Prefect hears nothing of it."""

import asyncio
import time

import pytest

from blocks.outside import standing_in
from blocks.prefect.port import PrefectPort
from pool.errors import NotFound
from tasks.base import look_up
from tests.rigs.fakes import fake_outside

pytestmark = pytest.mark.unit


class Store:
    """Nothing was ever written."""

    writes = 0


@pytest.fixture(autouse=True)
def prefects_own():
    """The real port, without a server: a task run could not be made."""
    with standing_in(fake_outside(prefect=PrefectPort(), store=Store())):
        yield


class Meets:
    """A step that meets these errors, one at each call, and then sees."""

    def __init__(self, *errors: Exception, **options):
        self.calls, self._errors = 0, list(errors)
        self._step = look_up(**options)(self._look)

    def _look(self) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return "seen"

    def ask(self) -> str:
        async def call() -> str:
            return await self._step()

        return asyncio.run(call())


def test_a_look_that_fails_is_tried_again():
    look = Meets(OSError(), OSError(), retries=2, retry_delay_seconds=[0.01, 0.02])
    assert (look.ask(), look.calls) == ("seen", 3)


def test_a_look_is_tried_again_only_as_often_as_it_says():
    look = Meets(*[OSError("no answer")] * 9, retries=2, retry_delay_seconds=0.01)
    with pytest.raises(OSError, match="no answer"):
        look.ask()
    assert look.calls == 3


def test_a_refusal_is_not_asked_for_again():
    look = Meets(NotFound("no pool is named gpu"), retries=5)
    with pytest.raises(NotFound):
        look.ask()
    assert look.calls == 1


def test_a_look_that_takes_too_long_is_given_up():
    @look_up(timeout_seconds=0.05)
    async def look() -> None:
        await asyncio.sleep(60)

    async def call() -> None:
        await look()

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(call())
    assert time.monotonic() - began < 10
