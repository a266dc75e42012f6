"""What a poll of a worker has Prefect's server note is noted when it is news, and else each quarter of a minute."""

import asyncio
from typing import Any

import pytest
from prefect.server.api import background_workers
from prefect.server.models.deployments import mark_deployments_ready
from prefect.server.models.work_queues import mark_work_queues_ready

from blocks.prefect.polling import KNOWN_SECONDS, LOOKS_APART, look_seldom_for_tasks, note_polls_seldom

pytestmark = pytest.mark.unit

LATER: Any = background_workers


class Tasks:
    """What the server has to do later, as `Docket` takes it; and a clock."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now, self.away = 1000.0, False
        self.docket: Any = object()

    def add(self, _docket: Any, function: Any, when: object = None, key: str | None = None) -> Any:
        async def schedule(**_what: Any) -> str:
            if self.away:
                raise ConnectionError("Redis is away")
            self.asked.append(function.__name__)
            return "scheduled"

        return schedule

    def poll(self, queue: str = "q-1", new: bool = False) -> list[str]:
        """What is scheduled for one poll."""
        queues = {"polled_work_queue_ids": [] if new else [queue], "ready_work_queue_ids": [queue] if new else []}
        before = len(self.asked)
        asyncio.run(self.schedule(mark_work_queues_ready, **queues))
        asyncio.run(self.schedule(mark_deployments_ready, work_queue_ids=[queue]))
        return self.asked[before:]

    def schedule(self, function: Any, **what: Any) -> Any:
        return LATER.Docket.add(self.docket, function, key=f"{function.__name__}: pool")(**what)


@pytest.fixture
def tasks(monkeypatch):
    found = Tasks()
    monkeypatch.setattr(LATER.Docket, "add", found.add)
    note_polls_seldom(lambda: found.now)
    return found


BOTH = ["mark_work_queues_ready", "mark_deployments_ready"]


def test_that_a_queue_and_its_deployments_are_in_use_is_noted_once_in_a_while(tasks):
    assert (tasks.poll(), tasks.poll()) == (BOTH, [])
    tasks.now += KNOWN_SECONDS
    assert tasks.poll() == BOTH


def test_what_could_not_be_noted_is_noted_at_the_next_poll(tasks):
    tasks.away = True
    with pytest.raises(ConnectionError):
        tasks.poll()
    tasks.away = False
    assert tasks.poll() == BOTH


def test_each_queue_is_noted_for_itself(tasks):
    assert (tasks.poll("q-1"), tasks.poll("q-2"), tasks.poll("q-1")) == (BOTH, BOTH, [])


def test_a_queue_that_was_not_in_use_is_noted_at_once_with_its_deployments(tasks):
    tasks.poll()
    assert (tasks.poll(new=True), tasks.poll()) == (BOTH, ["mark_work_queues_ready"])


def test_other_tasks_are_scheduled_whenever_they_are_asked_for(tasks):
    async def delete_logs() -> None: ...

    assert [asyncio.run(tasks.schedule(delete_logs)) for _ in range(2)] == ["scheduled", "scheduled"]


def test_what_carries_out_tasks_is_made_with_longer_pauses(monkeypatch):
    monkeypatch.setattr(LATER, "Worker", lambda docket, **told: (docket, told))
    look_seldom_for_tasks()
    pauses = {"minimum_check_interval": LOOKS_APART, "scheduling_resolution": LOOKS_APART}
    assert LATER.Worker("docket") == ("docket", pauses)
