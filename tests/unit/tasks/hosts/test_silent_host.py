"""A host that does not let us in: its console's last words are in the reason, in one sentence."""

import asyncio
from types import SimpleNamespace

import pytest
from prefect.logging import disable_run_logger

from blocks.host_setup.shell import WrongHostKey
from pool.errors import CloudTrouble, HostUnreachable
from tasks.hosts import lifecycle as hosts
from tests.rigs.pool_data import a_host

pytestmark = pytest.mark.unit


def reason(monkeypatch, error: Exception, console) -> HostUnreachable:
    """What waiting for the host's ssh ends with."""
    monkeypatch.setattr(hosts, "open_shell", lambda host: SimpleNamespace(wait_for_ssh=raising(error)))
    monkeypatch.setattr(hosts, "pool_config", lambda pool: None)
    monkeypatch.setattr(hosts, "cloud_of", lambda config: SimpleNamespace(console_log=console))
    with disable_run_logger(), pytest.raises(HostUnreachable) as raised:
        asyncio.run(hosts.wait_for_ssh.fn(a_host(), seconds=1))
    return raised.value


def raising(error: Exception):
    def fail(*_):
        raise error

    return fail


def test_the_last_words_of_its_console_are_in_the_reason(monkeypatch):
    told = reason(monkeypatch, HostUnreachable("ssh at 192.0.2.1:22 timed out"), lambda host: "one\ntwo")
    assert str(told) == "host main-01: ssh at 192.0.2.1:22 timed out; its console ends: one / two"


def test_a_wrong_key_stays_a_refusal(monkeypatch):
    told = reason(monkeypatch, WrongHostKey("ssh at 192.0.2.1:22 shows another key"), lambda host: "")
    assert (type(told), str(told).endswith("its console ends: (empty)")) == (WrongHostKey, True)


def test_a_console_that_cannot_be_read_does_not_hide_the_host_s_own_trouble(monkeypatch):
    told = reason(monkeypatch, HostUnreachable("timed out"), raising(CloudTrouble("the cloud answers 503")))
    assert str(told) == "host main-01: timed out; its console ends: (the cloud answers 503)"
