"""A shell on a host, over ssh, to a host whose key is known beforehand."""

import logging
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Self

import paramiko
from paramiko.pkey import UnknownKeyType

from blocks.stored.host_keys import HostLogin
from pool.errors import DockerDriverError, HostUnreachable, Refused

RETRY_SECONDS = 0.5
CONNECT_SECONDS = 10
LAST_LINES = 5
CHUNK = 65536
MOST_BYTES = 4 << 20  # of output: what our commands say is short, and what a host that was taken over says has no end
MOST_ERROR_BYTES = 64 << 20  # of errors, of which the last are kept
KEPT_ERROR_BYTES = 64 << 10
NO_STATUS = -1  # paramiko's, of a command whose host sent none

# Every failure reaches the caller as an exception; while a host boots, paramiko would log each with a traceback.
_SILENT = "dockerdriver.ssh"
logging.getLogger(_SILENT).addHandler(logging.NullHandler())
logging.getLogger(_SILENT).propagate = False


class WrongHostKey(HostUnreachable, Refused):
    """What answers is not the host that we made: asking again will not help."""


class CommandFailed(DockerDriverError):  # noqa: N818 - named as in pool/errors.py
    """The command ran and ended with an exit status other than 0."""


class _UnknownKind(paramiko.SSHException):
    """The host has no key of the recorded kind."""


class _RefuseUnknown(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, *_: object) -> None:
        raise _UnknownKind


class HostShell:
    """One ssh connection, opened at its first use. Not for two threads at once.

    Args:
        address: IPv4 or IPv6 address, or a name.
        host_key: the only key that is accepted, as "ssh-ed25519 AAAA…".
        login: user and private key; the key stays in memory.
        port: TCP port of sshd.
    """

    def __init__(self, address: str, host_key: str, login: HostLogin, port: int = 22) -> None:
        self._address, self._port, self._login = address, port, login
        self._host_key = _public_key(address, host_key)
        self._client: paramiko.SSHClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; harmless when there is none."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def wait_for_ssh(self, timeout_seconds: float, say: Callable[[str], None] | None = None) -> None:
        """Wait until the host lets us in; each new reason why it does not yet is said once.

        Raises:
            WrongHostKey: at once, when what answers shows another key.
            HostUnreachable: not within *timeout_seconds*; the message holds the last reason.
        """
        deadline, last = time.monotonic() + timeout_seconds, ""
        while True:
            try:
                self._connect(min(CONNECT_SECONDS, _left(deadline)))
                return
            except WrongHostKey:
                raise
            except HostUnreachable as error:
                last = _say_new(str(error), last, say)
            if time.monotonic() + RETRY_SECONDS > deadline:
                raise HostUnreachable(f"{last} (tried for {timeout_seconds:.0f} s)")
            time.sleep(RETRY_SECONDS)

    def run(self, command: str, timeout: float, stdin: str | bytes | None = None) -> str:
        """Run a command and return what it wrote to its standard output.

        What it wrote of errors is no answer: sudo complains at each command of a host whose name stands for no address.

        Args:
            command: a shell command line. It stands in the host's process list: what is secret goes to *stdin*.
            timeout: seconds that the command may take.
            stdin: what the command reads.

        Raises:
            CommandFailed: its exit status was not 0; the message holds the status and the last lines of both streams.
            HostUnreachable: the connection failed, or the command was not done in time.
        """
        client = self._client or self._connect(CONNECT_SECONDS)
        try:
            status, output, errors = self._exchange(client, command, timeout, stdin)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise HostUnreachable(f"{self._name}: `{command}` got no answer: {_reason(error)}") from error
        if status != 0:
            raise CommandFailed(f"{self._name}: `{command}` ended with {status}: {_last_lines(output + errors)}")
        return output

    @property
    def _name(self) -> str:
        return f"ssh at {self._address}:{self._port}"

    def _connect(self, timeout: float) -> paramiko.SSHClient:
        self.close()
        client = self._new_client()
        try:
            client.connect(
                self._address,
                self._port,
                username=self._login.user,
                pkey=_private_key(self._login),
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                allow_agent=False,
                look_for_keys=False,
            )
        except (paramiko.BadHostKeyException, _UnknownKind) as error:
            client.close()
            raise WrongHostKey(f"{self._name} shows another host key than the one recorded: refused") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            raise HostUnreachable(f"{self._name} refuses the manager's ssh login: {_reason(error)}") from error
        self._client = client
        return client

    def _new_client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_log_channel(_SILENT)
        client.set_missing_host_key_policy(_RefuseUnknown())
        known = self._address if self._port == paramiko.config.SSH_PORT else f"[{self._address}]:{self._port}"
        client.get_host_keys().add(known, self._host_key.get_name(), self._host_key)
        return client

    def _exchange(
        self, client: paramiko.SSHClient, command: str, timeout: float, stdin: str | bytes | None
    ) -> tuple[int, str, str]:
        deadline = time.monotonic() + timeout
        transport = client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        sent = stdin.encode() if isinstance(stdin, str) else stdin or b""
        # The connection is closed before the threads are waited for: that ends them.
        with _threads() as beside, _closed_by_errors(transport), transport.open_session(timeout=timeout) as channel:
            channel.settimeout(timeout)
            channel.exec_command(command)
            errors = beside.submit(_last_errors, channel, deadline)
            beside.submit(_send, channel, sent)  # a command that has its answer need not have read all
            output = b"".join(_chunks(channel, channel.recv, MOST_BYTES, deadline))
            said = errors.result()
            status = _status_of(channel, transport, deadline)
        return status, output.decode(errors="replace"), said.decode(errors="replace")


def _threads() -> ThreadPoolExecutor:
    """What reads the errors and sends the input while the output is read: a command waits where one of them is full."""
    return ThreadPoolExecutor(2, thread_name_prefix="ssh")


@contextmanager
def _closed_by_errors(transport: paramiko.Transport) -> Iterator[None]:
    """Close the connection where something fails: what another thread sends on it to a host that hangs would go on."""
    try:
        yield
    except BaseException:
        transport.close()
        raise


def _send(channel: paramiko.Channel, sent: bytes) -> None:
    channel.sendall(sent)
    channel.shutdown_write()


def _last_errors(channel: paramiko.Channel, deadline: float) -> bytes:
    """Read the errors until their end; the last of them. The command is given up where they have no end."""
    kept = b""
    try:
        for chunk in _chunks(channel, channel.recv_stderr, MOST_ERROR_BYTES, deadline):
            kept = (kept + chunk)[-KEPT_ERROR_BYTES:]
    except OSError:
        channel.close()  # what reads the output waits no longer
        raise
    return kept


def _status_of(channel: paramiko.Channel, transport: paramiko.Transport, deadline: float) -> int:
    """Return the exit status; -1: a signal ended the command.

    Raises:
        OSError: it runs on after it closed its output.
        EOFError: the connection ended before it did.
    """
    if not channel.status_event.wait(_left(deadline)):
        raise TimeoutError
    status = channel.recv_exit_status()
    if status == NO_STATUS and not transport.is_active():
        raise EOFError("the connection ended")
    return status


def _chunks(channel: paramiko.Channel, read: Callable[[int], bytes], most: int, deadline: float) -> Iterator[bytes]:
    """What the command writes to one stream until its end, or the moment *deadline*, of the clock that only grows.

    Raises:
        OSError: it writes more than *most* bytes, or for longer than it may.
    """
    left = most
    while True:
        channel.settimeout(_left(deadline))
        chunk = read(CHUNK)
        left -= len(chunk)
        if not chunk:
            return
        if left < 0 or time.monotonic() > deadline:
            raise OSError("it writes without an end")
        yield chunk


def _left(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())


def _public_key(address: str, host_key: str) -> paramiko.PKey:
    try:
        kind, text = host_key.split()[:2]
        return paramiko.PKey.from_type_string(kind, b64decode(text, validate=True))
    except (ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise WrongHostKey(f"ssh at {address}: the recorded host key is not a public key") from error


def _private_key(login: HostLogin) -> paramiko.PKey:
    pem = login.private_key.get_secret_value()
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException):
            return kind.from_private_key(StringIO(pem))
    raise Refused(f"the private key of login {login.user} is not an OpenSSH key without a passphrase")


def _say_new(reason: str, last: str, say: Callable[[str], None] | None) -> str:
    if say and reason != last:
        say(reason)
    return reason


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return " ".join(str(error).split()) or type(error).__name__


def _last_lines(output: str) -> str:
    return " / ".join(output.strip().splitlines()[-LAST_LINES:]) or "it wrote nothing"
