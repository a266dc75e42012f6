"""One light host with one image, whose containers answer HTTP, for all modules that name this in `pytest_plugins`.

A test that stops it starts it again, and removes what it made in it.
"""

from collections.abc import Iterator

import pytest

from blocks.engine.client import HostEngine
from blocks.stored.authority import CertificateAuthority
from tests.rigs.engines.light_host import LightHost, light_host
from tests.rigs.engines.tiny_image import TinyImage, busybox_image

SERVE = ("httpd", "-f", "-p", "8888", "-h", "/")


@pytest.fixture(scope="session")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("test authority")


@pytest.fixture(scope="session")
def host(authority: CertificateAuthority) -> Iterator[LightHost]:
    with light_host(authority) as host:
        yield host


@pytest.fixture(scope="session")
def image(host: LightHost) -> TinyImage:
    image = busybox_image("tiny", SERVE, {"index.html": b"here"})
    host.engine.load([image.archive()])
    return image


@pytest.fixture
def engine(host: LightHost, image: TinyImage) -> Iterator[HostEngine]:
    """The host's engine; what a test made in it is removed."""
    yield host.engine
    for state in host.engine.containers({}):
        host.engine.remove(state.id)
