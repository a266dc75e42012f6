"""A Docker Engine for the tests: the one that answers on this machine, or one that is started for them."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

USUAL = "unix:///var/run/docker.sock"
START_SECONDS = 30
STOP_SECONDS = 30
# Kept between runs, so that images are built once. Not below the checkout: overlay2 wants a path of its own.
KEPT = Path("/var/tmp/dockerdriver-test-engine")


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """Address of an engine that answers."""
    with some_engine() as url:
        yield url


@contextmanager
def some_engine() -> Iterator[str]:
    """The engine of $DOCKER_HOST or the usual socket, or an own one that is stopped at the end."""
    url = os.environ.get("DOCKER_HOST", USUAL)
    if answers(url):
        yield url
    else:
        with own_engine() as url:
            yield url


def answers(url: str) -> bool:
    """Whether an engine answers there."""
    try:
        client = docker.DockerClient(base_url=url, timeout=5)
    except DockerException:
        return False
    with_answer = client.ping()
    client.close()
    return with_answer


@contextmanager
def own_engine(data: Path = KEPT) -> Iterator[str]:
    """A dockerd of the tests' own; its containers end with it, its images stay in *data*."""
    binary = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert binary, "the tests need a Docker Engine: none answers, and dockerd is not installed"
    run = Path(tempfile.mkdtemp(prefix="dd-engine-", dir="/run"))  # short: a socket's path holds 107 bytes
    url = f"unix://{run}/docker.sock"
    with (run / "log").open("wb") as log:
        engine = subprocess.Popen([binary, *_options(run, data, url)], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(engine, url, run / "log")
        yield url
    finally:
        _stop(engine, url)
        shutil.rmtree(run, ignore_errors=True)


def _options(run: Path, data: Path, url: str) -> list[str]:
    paths = ["--data-root", str(data), "--exec-root", str(run / "exec"), "--pidfile", str(run / "pid")]
    return [*paths, "--host", url, "--bridge=none", "--shutdown-timeout", "5"]


def _wait_until_it_answers(engine: subprocess.Popen, url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while engine.poll() is None and time.monotonic() < until:
        if answers(url):
            return
        time.sleep(0.1)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    raise AssertionError(f"dockerd did not answer within {START_SECONDS} s; its last words:\n{last}")


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
    client = docker.DockerClient(base_url=url)
    for container in client.containers.list(all=True):
        container.remove(force=True, v=True)
    client.networks.prune()  # or their bridges would outlive the engine
    client.close()
