"""A host that does not let us in: its console's last words are in the reason, in one sentence."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.clouds.port import Cloud
from blocks.host_setup.setup import HostSetup
from blocks.host_setup.shell import WrongHostKey
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.errors import CloudTrouble, HostUnreachable
from tasks.hosts.lifecycle import wait_for_ssh
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit


class SilentHost(HostSetup):
    """No host answers ssh."""

    def __init__(self, error: Exception):
        self._error = error

    def shell(self, host):
        return SimpleNamespace(wait_for_ssh=raising(self._error))


def reason(error: Exception, console) -> HostUnreachable:
    """What waiting for the host's ssh ends with."""
    cloud = SimpleNamespace(console_log=console)
    stored = FakeBlocks({PoolConfig: {"main": PoolConfig()}, Cloud: {"main": cloud}})
    store = SimpleNamespace(writes=0)
    door = fake_outside(hosts=SilentHost(error), stored=stored, store=store)
    with standing_in(door), pytest.raises(HostUnreachable) as raised:
        asyncio.run(wait_for_ssh.fn(a_host(), seconds=1))
    return raised.value


def raising(error: Exception):
    def fail(*_):
        raise error

    return fail


def test_the_last_words_of_its_console_are_in_the_reason():
    told = reason(HostUnreachable("ssh at 192.0.2.1:22 timed out"), lambda host: "one\ntwo")
    assert str(told) == "host main-01: ssh at 192.0.2.1:22 timed out; its console ends: one / two"


def test_a_wrong_key_stays_a_refusal():
    told = reason(WrongHostKey("ssh at 192.0.2.1:22 shows another key"), lambda host: "")
    assert (type(told), str(told).endswith("its console ends: (empty)")) == (WrongHostKey, True)


def test_a_console_that_cannot_be_read_does_not_hide_the_host_s_own_trouble():
    told = reason(HostUnreachable("timed out"), raising(CloudTrouble("the cloud answers 503")))
    assert str(told) == "host main-01: timed out; its console ends: (the cloud answers 503)"
