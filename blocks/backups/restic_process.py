"""A process of restic: its pipes, what it is told by its environment, its secrets, its end."""

import os
import signal
import subprocess
from contextlib import ExitStack, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from typing import Any

from pydantic import SecretStr

from blocks.stored.backup_store import BackupPlace
from pool.backups.states import BackupTrouble

PIPE = 1 << 20  # bytes; 64 KB unless it is said, so that each process waits for the other sixteen times as often
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
