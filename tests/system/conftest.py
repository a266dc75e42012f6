"""The stack that all system tests share: brought up once, brought down at the end."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rigs.engines.engine import running_engine, share_images
from tests.rigs.hosts.leftovers import network_state
from tests.rigs.ports import free_port, free_ports
from tests.rigs.stacks.moving_checkout import archive_of
from tests.rigs.stacks.stack import CHECKOUT, Stack

DATA = CHECKOUT / "build" / "test-stack"
#: What of a data directory is kept from run to run: images, and the engine that has them.
IMAGES = ("images", "layers", "engine")
ARTIFACTS = CHECKOUT / "tests" / "artifacts"


@pytest.fixture(scope="session")
def archive(tmp_path_factory) -> Path:
    """What an operator has a manager installed from: the newest commit."""
    file = tmp_path_factory.mktemp("archive") / "dockerdriver.tar"
    file.write_bytes(archive_of("HEAD"))
    return file


@pytest.fixture(scope="session")
def installation() -> Stack:
    """An installation that is down and remembers nothing."""
    return fresh_installation(DD_METRICS_PORT=str(free_port()))


def fresh_installation(data: Path = DATA, **settings: str) -> Stack:
    """An installation that is down and remembers nothing; the images of earlier runs are kept.

    It starts an engine of its own, unless the tests have one that runs: they share the images.
    """
    if engine := running_engine():
        settings = {"DD_ENGINE_URL": engine} | settings
    else:
        share_images(data)
    gateway_port, prefect_port = free_ports(2)
    it = Stack(data, gateway_port, prefect_port, settings)
    it.take_away()  # what a run that was killed left running
    for there in data.iterdir() if data.exists() else ():
        if there.name not in IMAGES:  # a key, a table or a run of another version would be taken for this one's
            shutil.rmtree(there) if there.is_dir() else there.unlink()
    return it


@pytest.fixture(scope="session")
def network_before(installation: Stack) -> set[str]:
    """Links and routes of the machine before the stack came up."""
    return network_state()


@pytest.fixture(scope="session")
def stack(installation: Stack, network_before: set[str]) -> Iterator[Stack]:
    """A running stack with one active host and a first session, whose link was followed before it grew old."""
    try:
        up = installation.command("up")
        assert up.returncode == 0, f"{up.stdout}\n{installation.logs()}"
        installation.first_output = up.stdout
        installation.first_link = re.findall(r"http://\S+/notebooks/\S+", up.stdout)[0]
        installation.first_visit = httpx.post(installation.first_link, trust_env=False, follow_redirects=True)
        yield installation
    finally:
        installation.take_away()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    return ARTIFACTS
