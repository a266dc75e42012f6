"""One configured host for all tests of the playbook: to make it takes a minute."""

import socket

import pytest

from blocks.host_setup.playbook import run_playbook
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.configured_host import SESSION_PORT, Configured
from tests.rigs.hosts.playbook_host import PLAYBOOK_SECONDS, playbook_host


@pytest.fixture(scope="package")
def configured(engine_url):
    with playbook_host(engine_url, "configured") as bare:
        lines: list[str] = []
        report = run_playbook(bare.run, lines.append, PLAYBOOK_SECONDS, bare.directory)
        yield Configured(**vars(bare), report=report, lines=lines)


@pytest.fixture(scope="package")
def session_image(configured):
    image = busybox_image("tiny", ("httpd", "-f", "-p", "8888", "-h", "/"), {"index.html": b"here"})
    configured.root("docker load", stdin=image.archive())
    return image.name


@pytest.fixture
def manager():
    """A port that answers on every address of this machine."""
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 - what is tried is each address of this machine
        yield listening.getsockname()[1]


@pytest.fixture
def containers(configured, session_image):
    """Two sessions; the first one is published on a session port."""
    try:
        run, image = "docker run -d --name", session_image
        configured.root(f"{run} one -p {SESSION_PORT}:8888 {image}; {run} two {image}")
        yield "one", "two"
    finally:
        configured.root("docker rm -f one two")
