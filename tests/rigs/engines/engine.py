"""A Docker Engine for the tests: the one that the product would use on this machine, or one started for them."""

import atexit
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import docker
import pytest

from blocks.engine.local_api import answers
from blocks.images.layer_files import locked
from blocks.settings import ProcessSettings
from runtime.stack.local_engine import (
    clear_after_own_engine,
    find_engine,
    note_forwarding,
    own_engine_command,
    own_engine_url,
    running_dockerds,
    wait_for_engine,
)
from runtime.supervision.environment import command_line
from tests.rigs.waiting import until

START_SECONDS = 30
STOP_SECONDS = 60
OTHERS_SECONDS = 500
ROOT = "--data-root="
# Kept between runs, so that images are built once.
KEPT = Path("/var/tmp/dockerdriver-tests")


def running_engine(data: Path = KEPT) -> str:
    """Address of the tests' own engine, which then runs to the end of this process; empty while it does not run.

    The run of tests that started it may end before this one, and would take the stack's hosts with it.
    """
    settings = ProcessSettings(data=data)
    url = own_engine_url(settings)
    if not answers(url):  # a run that is about to start it may wait for our own stack, and holds the lock meanwhile
        return ""
    with locked(data / "engine.lock", fcntl.LOCK_EX):
        if not answers(url):
            return ""
        users = (data / "engine.users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
    atexit.register(_leave, settings, users)
    return url


def share_images(data: Path) -> None:
    """Have the own engine of an installation keep its images where those of the tests' are, unless it has any yet.

    What one test has built, no other builds again. Two engines cannot use the folder at once.
    """
    kept = KEPT / "engine"
    kept.mkdir(parents=True, exist_ok=True)
    if not (data / "engine").exists():
        data.mkdir(parents=True, exist_ok=True)
        (data / "engine").symlink_to(kept)


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """Address of an engine that answers."""
    with some_engine() as url:
        yield url


@contextmanager
def some_engine() -> Iterator[str]:
    """The engine of this machine, or an own one that is stopped at the end."""
    settings = ProcessSettings(data=KEPT)
    if url := find_engine(settings, print):
        yield url
    else:
        with own_engine(settings) as url:
            yield url


@contextmanager
def own_engine(settings: ProcessSettings) -> Iterator[str]:
    """A dockerd of the tests' own: its containers and networks end with it, its images stay in the data directory.

    All runs of tests at one time share it: the first one starts it, and the last one stops it.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    url = own_engine_url(settings)
    with (settings.data / "engine.users").open("w") as users:
        with locked(settings.data / "engine.lock", fcntl.LOCK_EX):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not answers(url):
                _start(settings)
        try:
            yield url
        finally:
            _leave(settings, users)


def _leave(settings: ProcessSettings, users: TextIO) -> None:
    """Be no user of it any more; the last one stops it."""
    with users, locked(settings.data / "engine.lock", fcntl.LOCK_EX), suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused: another run of tests uses it
        _stop(settings)


def _start(settings: ProcessSettings) -> None:
    until(lambda: not _images_in_use(settings), "a stack of the tests ends, which has its images there", OTHERS_SECONDS)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    note_forwarding(settings)
    log = settings.data / "engine.log"
    with log.open("wb") as output:
        subprocess.Popen(own_engine_command(settings), stdout=output, stderr=output, start_new_session=True)
    url = own_engine_url(settings)
    assert wait_for_engine(url, START_SECONDS), f"dockerd did not answer within {START_SECONDS} s; see {log}"


def _images_in_use(settings: ProcessSettings) -> bool:
    """Whether a dockerd keeps its images in the same folder, by whatever name."""
    words = (word for pid in running_dockerds() for word in command_line(pid).split())
    roots = (Path(word.removeprefix(ROOT)).resolve() for word in words if word.startswith(ROOT))
    return (settings.data / "engine").resolve() in roots


def _stop(settings: ProcessSettings) -> None:
    if answers(own_engine_url(settings)):
        _remove_all(own_engine_url(settings))
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int((settings.run_dir / "engine.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        try:
            until(lambda: _is_over(pid), f"the tests' dockerd {pid} ends", STOP_SECONDS)
        except AssertionError:
            os.kill(pid, signal.SIGKILL)
            raise
    clear_after_own_engine(settings)


def _is_over(pid: int) -> bool:
    """Whether a process has ended; its parent, another run of tests, need not have noticed."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _remove_all(url: str) -> None:
    """Containers would run on without their engine, and its bridges stay."""
    client = docker.DockerClient(base_url=url)
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.networks.prune()
    client.close()
