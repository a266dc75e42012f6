"""The shell on a host, against a real sshd that cloud-init gave its key."""

import socket
import time
from typing import Any

import paramiko
import pytest
from pydantic import SecretStr

from blocks.host_setup.shell import CONNECT_SECONDS, CommandFailed, HostShell, WrongHostKey
from blocks.stored.host_keys import HostLogin, new_host_key
from pool.errors import HostUnreachable, Refused
from tests.rigs.hosts.local_host import local_host

pytestmark = pytest.mark.integration

SOON = 20  # seconds: far less than what was not waited for, and enough for a machine that has much else to do


@pytest.fixture(scope="module")
def host(engine_url):
    with local_host("shell", engine_url) as host:
        yield host


@pytest.fixture
def shell(host):
    with host.shell() as shell:
        yield shell


@pytest.fixture
def silent_port():
    """A port that is taken and says nothing, as a host does that is still booting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_what_a_command_writes_of_errors_is_no_part_of_its_answer_and_said_where_it_fails(shell):
    assert shell.run("echo out; echo err >&2", timeout=10) == "out\n"
    with pytest.raises(CommandFailed, match=r"ended with 3: out.*err"):
        shell.run("echo out; echo err >&2; exit 3", timeout=10)


def test_a_command_that_writes_much_of_errors_answers_all_the_same(shell):
    assert shell.run("head -c 1000000 /dev/zero >&2; echo out", timeout=20) == "out\n"


def test_five_megabytes_of_errors_that_come_before_the_output_are_no_trouble(shell):
    """The far side waits from 2 MB on, the window, until they are read."""
    assert shell.run("head -c 5000000 /dev/zero >&2; echo out", timeout=SOON) == "out\n"
    with pytest.raises(CommandFailed, match=r"ended with 3: much / .*the reason$"):
        shell.run("yes much | head -c 5000000 >&2; echo >&2; echo the reason >&2; exit 3", timeout=SOON)


def test_a_command_that_answers_while_it_reads_is_no_trouble(shell):
    sent = b"x" * 3_900_000  # more than either window
    assert len(shell.run("cat", timeout=SOON, stdin=sent)) == len(sent)


def test_a_command_need_not_read_what_it_is_sent(shell):
    assert shell.run("echo out", timeout=SOON, stdin=b"x" * 8_000_000) == "out\n"


def test_a_connection_that_ends_under_a_command_is_no_failure_of_the_command(shell):
    with pytest.raises(HostUnreachable, match="the connection ended"):
        shell.run("kill -9 $PPID; sleep 20", timeout=SOON)
    assert shell.run("echo again", timeout=SOON) == "again\n"


def test_the_login_may_become_root_without_a_password(shell):
    assert shell.run("sudo -n id -u", timeout=10).strip() == "0"


def test_a_command_reads_what_it_is_sent(shell):
    sent = "secret\n" * 100_000
    assert shell.run("cat", timeout=20, stdin=sent) == sent


def test_a_failed_command_says_its_status_and_last_lines(shell, host):
    with pytest.raises(CommandFailed, match=rf"ssh at {host.address}:22: `ls /absent` ended with 2: .*No such file"):
        shell.run("ls /absent", timeout=10)


def test_a_command_that_takes_too_long_is_given_up(shell):
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match="`sleep 60` got no answer: timed out"):
        shell.run("sleep 60", timeout=1)
    assert time.monotonic() - started < SOON


def test_a_shell_works_again_after_a_command_was_given_up(shell):
    with pytest.raises(HostUnreachable):
        shell.run("sleep 60", timeout=0.5)
    assert shell.run("echo again", timeout=10) == "again\n"


def test_a_wrong_host_key_is_refused_at_once(host):
    stranger = HostShell(host.address, new_host_key().public, host.login)
    started = time.monotonic()
    with pytest.raises(WrongHostKey, match="shows another host key than the one recorded: refused"):
        stranger.wait_for_ssh(60)
    assert time.monotonic() - started < SOON


def test_a_host_that_has_no_key_of_the_recorded_kind_is_refused(host):
    recorded = paramiko.ECDSAKey.generate()
    shell = HostShell(host.address, f"{recorded.get_name()} {recorded.get_base64()}", host.login)
    with pytest.raises(WrongHostKey, match="shows another host key"):
        shell.wait_for_ssh(30)


def test_a_login_that_is_not_let_in_is_tried_until_the_time_is_up(host):
    said: list[Any] = []
    with pytest.raises(HostUnreachable, match=r"\(tried for 4 s\)"):
        HostShell(host.address, host.host_key, HostLogin.create()).wait_for_ssh(4, said.append)
    assert "Authentication failed" in said[0]
    assert sum("Authentication failed" in one for one in said) == 1  # the last try may be cut short: "timed out"


def test_a_closed_port_is_tried_until_the_time_is_up(host):
    started = time.monotonic()
    with pytest.raises(HostUnreachable, match="tried for 2 s"):
        HostShell(host.address, host.host_key, host.login, port=9).wait_for_ssh(2)
    assert 1 < time.monotonic() - started < SOON


def test_a_port_that_says_nothing_is_given_up_in_time(host, silent_port):
    started = time.monotonic()
    with pytest.raises(HostUnreachable):
        HostShell("127.0.0.1", host.host_key, host.login, port=silent_port).wait_for_ssh(2)
    assert time.monotonic() - started < CONNECT_SECONDS


def test_a_broken_login_key_is_one_clear_sentence(host):
    broken = HostLogin(private_key=SecretStr("not a key"), public_key="")
    with pytest.raises(Refused, match="private key of login dockerdriver is not an OpenSSH key"):
        HostShell(host.address, host.host_key, broken).run("true", timeout=5)


def test_a_broken_host_key_is_one_clear_sentence(host):
    with pytest.raises(Refused, match="the recorded host key is not a public key"):
        HostShell(host.address, "ssh-ed25519 nonsense", host.login)
