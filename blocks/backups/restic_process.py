"""A process of restic: its pipes, what it is told by its environment, its secrets, its end."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from math import inf
from threading import Event, Thread
from typing import Any

from pydantic import SecretStr

from blocks.stored.backup_store import BackupPlace
from pool.backups.states import BackupTrouble

PIPE = 1 << 20  # bytes; 64 KB unless it is said, so that each process waits for the other sixteen times as often
CHUNK = 1 << 20
REMEMBERED = 4 * PIPE  # a full pipe, and the chunk that waits for room in it
STALLED = "it was killed: it stood still for too long, as its store may have, or the manager had no memory left"
MISSING = "restic is not installed on the manager: apt-get install restic"


def launched(command: list[str], environment: dict[str, str], files: list[int], **how: Any) -> subprocess.Popen[bytes]:
    """Start restic, with pipes.

    Args:
        command: with its arguments.
        environment: all of it.
        files: descriptors that it may read.
        how: for `subprocess.Popen`.

    Raises:
        BackupTrouble: it is not installed.
    """
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    try:
        process = subprocess.Popen(command, env=environment, pass_fds=files, start_new_session=True, **pipes)
    except FileNotFoundError:
        raise BackupTrouble(MISSING) from None
    for pipe in filter(None, (process.stdin, process.stdout)):
        with suppress(OSError):  # an account has room for so many: the next ones stay as they are
            fcntl(pipe.fileno(), F_SETPIPE_SZ, PIPE)
    return process


class Awaiting:
    """Entered for as long as a process is waited for; one that takes too long to answer is killed.

    restic asks a store that went away again, for more than a quarter of an hour. For one that takes its connection and
    says nothing it waits without an end.
    """

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process, self._seconds, self._since = process, seconds, inf

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = inf

    def watch(self, over: Event) -> None:
        """Look now and then, until it is over."""
        while not over.wait(self._seconds / 10):
            if time.monotonic() - self._since > self._seconds:
                self._process.kill()


@contextmanager
def awaiting(process: subprocess.Popen[bytes], seconds: float) -> Iterator[Awaiting]:
    """Watch a process for the length of a with block.

    Args:
        process: that is waited for, now and then.
        seconds: that it may take each time, and a tenth of that more.
    """
    it, over = Awaiting(process, seconds), Event()
    Thread(target=it.watch, args=(over,), daemon=True).start()
    try:
        yield it
    finally:
        over.set()


class Begun:
    """A stream whose beginning is remembered, as much of it as a process may be given before it reads anything."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream, self._begin, self._size = iter(stream), list[bytes](), 0

    @property
    def is_remembered(self) -> bool:
        """Whether nothing else was given out yet."""
        return self._size <= REMEMBERED

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._size += len(chunk)
            if self.is_remembered:
                self._begin.append(chunk)
            else:
                self._begin.clear()
            yield chunk

    def again(self) -> Iterator[bytes]:
        """Give it from its beginning, while that is remembered."""
        yield from self._begin
        yield from self._stream


def next_chunk(process: subprocess.Popen[bytes], answer: Awaiting) -> bytes:
    """Read what the process says next; nothing at its end."""
    assert process.stdout  # noqa: S101 - narrows the type
    with answer:
        return process.stdout.read(CHUNK)


def pumped(stream: Iterable[bytes], process: subprocess.Popen[bytes], answer: Awaiting) -> tuple[str, int]:
    """Write all of a stream to the process; its digest and size."""
    assert process.stdin  # noqa: S101 - narrows the type
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in stream:
            with answer:
                process.stdin.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        with answer:
            process.stdin.close()
    except BrokenPipeError:
        outcome(process, "write a backup")
        raise BackupTrouble("restic ended before it had all of a backup") from None
    return digest.hexdigest(), size


def outcome(process: subprocess.Popen[bytes], step: str) -> bytes:
    """Wait for the end of a process whose output fits into a pipe, or was read.

    Raises:
        BackupTrouble: it failed; the last line that it wrote is in the message.
    """
    assert process.stdout and process.stderr  # noqa: S101, PT018 - narrows the types
    said, errors = process.stdout.read(), process.stderr.read()
    if process.wait():
        said_last = STALLED if process.returncode == -signal.SIGKILL else last_line(errors)
        raise BackupTrouble(f"restic could not {step}: {said_last}")
    return said


def last_line(errors: bytes) -> str:
    """Return the end of what restic wrote about its failure, in one line."""
    return " ".join(errors.decode(errors="replace").split())[-400:] or "it said nothing"


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill before a pipe is closed: an end of the stream that is none must not be taken for one."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe and not pipe.closed:
            with suppress(BrokenPipeError):  # what was not written yet has no reader now
                pipe.close()


def kept_environment() -> dict[str, str]:
    """Return what restic needs of ours: a proxy, the root certificates; no setting of another restic."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy")
    names = {*kept, *(name.upper() for name in kept)}
    return {name: value for name, value in os.environ.items() if name in names}


def secret_files(place: BackupPlace, key: SecretStr, files: ExitStack) -> dict[str, int]:
    """Write the secrets into files in memory; return their descriptors, by the variable that names such a file."""
    texts = {"RESTIC_PASSWORD_FILE": key.get_secret_value()}
    if access := place.access_key.get_secret_value():
        secret = place.secret_key.get_secret_value()
        lines = ("[default]", f"aws_access_key_id={access}", f"aws_secret_access_key={secret}")
        texts["AWS_SHARED_CREDENTIALS_FILE"] = "\n".join(lines)
    return {name: in_memory(text, files) for name, text in texts.items()}


def in_memory(text: str, files: ExitStack) -> int:
    """Write a text into a file in memory, which is closed with *files*; its descriptor."""
    file = os.memfd_create("backup")
    files.callback(os.close, file)
    os.write(file, text.encode())
    os.lseek(file, 0, os.SEEK_SET)
    return file
