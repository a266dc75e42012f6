"""What a platform reads while a session is provisioned, and after: every answer that stands is true."""

import asyncio
from dataclasses import replace

import pytest

from flows import provision_instance as module
from pool.errors import NoRoom
from pool.states import InstanceState
from tests.rigs.pool_data import a_blueprint, an_instance

pytestmark = pytest.mark.unit

QUEUED = an_instance(state=InstanceState.QUEUED, host=None, port=None)


@pytest.fixture
def announced(monkeypatch) -> list[str]:
    """The states that were announced; starting fails for want of room until a test says otherwise."""
    states = []

    async def announce(instance):
        states.append(str(instance.state))
        return {"state": str(instance.state)}

    async def start(*_):
        raise NoRoom("pool main is full")

    monkeypatch.setattr(module, "announce", announce)
    monkeypatch.setattr(module, "start_session", start)
    monkeypatch.setattr(module, "read_blueprint", giving(a_blueprint()))
    monkeypatch.setattr(module, "record_instance", giving(QUEUED))
    monkeypatch.setattr(module, "find_instance", giving(replace(QUEUED, state=InstanceState.FAILED)))
    return states


def giving(value):
    async def give(*_):
        return value

    return give


def provision():
    return asyncio.run(module.provision_instance.fn.__wrapped__("alice-1"))


def test_the_address_is_known_before_the_session_runs(announced, monkeypatch):
    monkeypatch.setattr(module, "start_session", giving(an_instance()))
    assert provision() == {"state": "running"}
    assert announced == ["queued", "running"]


def test_a_session_that_could_not_be_started_is_not_left_announced_as_queued(announced):
    with pytest.raises(NoRoom):
        provision()
    assert announced == ["queued", "failed"]
