"""A Docker Engine for the tests: the one that the product would use on this machine, or one started for them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from blocks.engine.local_api import answers
from blocks.settings import ProcessSettings
from runtime.stack.local_engine import (
    clear_after_own_engine,
    find_engine,
    note_forwarding,
    own_engine_command,
    own_engine_url,
    wait_for_engine,
)

START_SECONDS = 30
STOP_SECONDS = 30
# Kept between runs, so that images are built once; two runs at once need an engine that both share.
KEPT = Path("/var/tmp/dockerdriver-tests")


def running_engine() -> str:
    """Address of the tests' own engine while it runs; empty while it does not."""
    url = own_engine_url(ProcessSettings(data=KEPT))
    return url if answers(url) else ""


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
    """A dockerd of the tests' own: its containers and networks end with it, its images stay in the data directory."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    settings.data.mkdir(parents=True, exist_ok=True)
    note_forwarding(settings)
    log = settings.data / "engine.log"
    with log.open("wb") as output:
        engine = subprocess.Popen(own_engine_command(settings), stdout=output, stderr=output)
    try:
        url = own_engine_url(settings)
        assert wait_for_engine(url, START_SECONDS), f"dockerd did not answer within {START_SECONDS} s; see {log}"
        yield url
    finally:
        _stop(engine, own_engine_url(settings))
        clear_after_own_engine(settings)


def _stop(engine: subprocess.Popen, url: str) -> None:
    if engine.poll() is None and answers(url):
        _remove_all(url)
    engine.terminate()
    try:
        engine.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def _remove_all(url: str) -> None:
    """Containers would run on without their engine, and its bridges stay."""
    client = docker.DockerClient(base_url=url)
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.networks.prune()
    client.close()
