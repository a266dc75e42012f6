"""What a platform reads while a session is provisioned, and after: every answer that stands is true."""

import asyncio
from dataclasses import replace

import pytest

from flows import provision_instance as module
from pool.errors import EngineTrouble, NoRoom, Refused, RefusedMove
from pool.states import InstanceState
from tests.rigs.pool_data import a_blueprint, an_instance

pytestmark = pytest.mark.unit

QUEUED = an_instance(state=InstanceState.QUEUED, host=None)
STARTING = an_instance(state=InstanceState.STARTING)


class Steps:
    """Stands in for what the flow is made of: a session that is asked for, gets room and runs."""

    def __init__(self, monkeypatch):
        self.announced, self.finds = [], [STARTING]
        monkeypatch.setattr(module, "announce", self.announce)
        monkeypatch.setattr(module, "find_instance", self.find)
        for name, value in (
            ("read_blueprint", a_blueprint()),
            ("record_instance", QUEUED),
            ("serve_queue", []),
            ("check_waiting", None),
            ("move_instance", None),
            ("see_through", an_instance()),
            ("publish_route", None),
        ):
            monkeypatch.setattr(module, name, giving(value))

    async def announce(self, instance):
        self.announced.append(str(instance.state))
        return {"state": str(instance.state)}

    async def find(self, _):
        return self.finds.pop(0)


def giving(value):
    async def give(*_, **__):
        if isinstance(value, Exception):
            raise value
        return value

    return give


@pytest.fixture
def steps(monkeypatch) -> Steps:
    return Steps(monkeypatch)


def provision():
    return asyncio.run(module.provision_instance.fn.__wrapped__("alice-1"))


def test_the_address_is_known_before_the_session_runs(steps):
    assert provision() == {"state": "running"}
    assert steps.announced == ["queued", "running"]


def test_without_room_the_answer_is_that_it_waits(steps):
    steps.finds = [QUEUED]
    assert provision() == {"state": "queued"}


def test_a_session_that_could_not_be_started_is_not_left_announced_as_queued(steps, monkeypatch):
    monkeypatch.setattr(module, "see_through", giving(EngineTrouble("no")))
    steps.finds = [STARTING, replace(QUEUED, state=InstanceState.FAILED)]
    with pytest.raises(EngineTrouble):
        provision()
    assert steps.announced == ["queued", "failed"]


def test_a_session_that_would_wait_for_nothing_is_refused(steps, monkeypatch):
    monkeypatch.setattr(module, "check_waiting", giving(NoRoom("pool main is full")))
    steps.finds = [QUEUED, replace(QUEUED, state=InstanceState.FAILED)]
    with pytest.raises(NoRoom):
        provision()
    assert steps.announced == ["queued", "failed"]


def test_a_session_whose_turn_comes_while_it_is_refused_is_started(steps, monkeypatch):
    monkeypatch.setattr(module, "check_waiting", giving(NoRoom("pool main is full")))
    monkeypatch.setattr(module, "move_instance", giving(RefusedMove("it is starting")))
    steps.finds = [QUEUED, STARTING]
    assert provision() == {"state": "running"}


def test_an_id_is_used_once(steps, monkeypatch):
    over = replace(QUEUED, state=InstanceState.DELETED, reason="asked for")
    monkeypatch.setattr(module, "record_instance", giving(over))
    with pytest.raises(Refused, match=r"alice-1 is deleted \(asked for\); ask with a new instance_id"):
        provision()
