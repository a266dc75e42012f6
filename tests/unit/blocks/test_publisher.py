"""The process's publisher: what cannot be told now ends neither the work nor the thread that tells."""

import time
from contextvars import ContextVar
from threading import Event
from typing import Any

import pytest
from prefect.context import FlowRunContext

from blocks.publisher import Publisher
from pool.errors import DatabaseAway

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("trouble", [DatabaseAway("the pool's database did not answer"), ValueError("a bug")])
def test_the_publisher_outlives_what_it_could_not_tell(trouble):
    told, troubles = [], [trouble]

    def publish() -> None:
        if troubles:
            raise troubles.pop()
        told.append("the changes")

    publisher = Publisher()
    for _ in range(2):
        publisher.wake(publish)
        assert publisher.flush(30)
    assert told == ["the changes"]


def test_what_is_told_is_told_where_the_process_that_woke_the_publisher_tells():
    where, told = ContextVar("where", default="nowhere"), []
    publisher = Publisher()
    token = where.set("this server")
    publisher.wake(lambda: told.append(where.get()))
    where.reset(token)
    assert (publisher.flush(30), told) == (True, ["this server"])


def test_no_change_is_told_as_that_of_the_run_which_woke_the_publisher_first():
    told, publisher = [], Publisher()
    nothing: Any = None
    with FlowRunContext.model_construct(client=nothing, task_runner=nothing, result_store=nothing):
        publisher.wake(lambda: told.append(FlowRunContext.get()))
        assert publisher.flush(30)
    assert told == [None]


LONG = 60.0


def test_changes_that_come_one_soon_after_the_other_are_told_together():
    told, publisher = [], Publisher(together=LONG)
    for _ in ("queued", "starting"):
        publisher.wake(lambda: told.append("all that changed"))
    assert publisher.flush(30)
    assert told == ["all that changed"]


def test_what_nothing_waits_for_is_told_a_moment_later():
    told, publisher = Event(), Publisher(together=0.01)
    publisher.wake(told.set)
    assert told.wait(30)


def test_what_is_to_be_told_later_is_told_then_though_nothing_changes_any_more():
    later, publisher = Event(), Publisher()
    told: list[str] = []

    def publish() -> None:
        told.append("what there is")
        later.set() if told[1:] else publisher.again(0.01)

    publisher.wake(publish)
    assert later.wait(30)
    assert publisher.flush(30)
    assert len(told) == 2


def test_what_was_to_be_told_later_is_told_once_where_a_change_has_it_told_before():
    publisher = Publisher()
    told: list[str] = []

    def publish() -> None:
        if not told:
            publisher.again(0.3)
        told.append("what there is")

    for _ in range(2):
        publisher.wake(publish)
        assert publisher.flush(30)
    time.sleep(0.4)
    assert len(told) == 2
