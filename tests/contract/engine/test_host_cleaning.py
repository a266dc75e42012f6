"""A host with a small disk: what goes when it fills up, what stays, and what is said when an image has no room."""

import os

import pytest

from blocks.engine.probes.disk import containers_on, data_root, images_on
from blocks.images.layer_store import LayerStore
from blocks.images.push import HostPush
from blocks.stored.authority import CertificateAuthority
from pool.errors import DiskFull
from pool.hosts.disk import may_go
from pool.records import ContainerSpec, Image
from tasks.hosts.disks import clean
from tests.rigs.engines.kept_images import forget_images, image_of, kept
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import tar_of

pytestmark = pytest.mark.contract

MB = 1_000_000
OURS = {"dockerdriver.namespace": "test", "dockerdriver.instance": "alice-1"}


@pytest.fixture(scope="module")
def host():
    with light_host(CertificateAuthority.create("test authority"), disk_mb=64) as host:
        yield host


@pytest.fixture
def empty(host):
    """The host, with nothing on it before and after."""
    yield host
    for container in containers_on(host.engine, "test"):
        host.engine.remove(container.id)
    forget_images(host.engine)


@pytest.fixture
def send(empty, tmp_path):
    """Have the host get an image with so many MB that do not pack."""
    store = LayerStore(tmp_path / "layers")

    def send(name: str, size: int) -> Image:
        large = tar_of({name: os.urandom(size * MB)})
        image = kept(image_of(name, large, command=("sleep", "600")), store, tmp_path)
        HostPush(empty.engine, "main-01", store).push(image, [name])
        return image

    return send


def leaving(host, images, needed, ended=frozenset()):
    ours = {image.id for image in images}
    return may_go(images_on(host.engine), containers_on(host.engine, "test"), set(needed), set(ended), ours)


def test_an_image_that_does_not_fit_is_refused_with_the_reason_and_the_rest_of_the_host_goes_on(empty, send):
    small = send("small:1", 5)
    session = empty.engine.run(ContainerSpec("dd-alice-1", small.id, 80, 20000, 32))
    with pytest.raises(DiskFull, match="host main-01: no room on its disk for the image large:1"):
        send("large:1", 80)
    assert empty.engine.image_ids() == {small.id}
    assert empty.engine.find(session).running
    assert empty.disk_percent < 60  # nothing of the other is left behind


def test_below_the_mark_nothing_goes(empty, send):
    old = send("old:1", 5)
    assert clean(empty.engine, lambda: empty.disk_percent, 85, leaving(empty, [old], needed=()))
    assert empty.engine.image_ids() == {old.id}


def test_what_no_session_needs_goes_until_the_disk_is_below_the_mark(empty, send):
    images = [send(f"image-{number}:1", 10) for number in range(4)]
    assert empty.disk_percent > 60
    assert clean(empty.engine, lambda: empty.disk_percent, 60, leaving(empty, images, needed={images[3].id}))
    assert empty.disk_percent < 60
    assert images[3].id in empty.engine.image_ids()
    assert len(empty.engine.image_ids()) > 1


def test_an_image_stays_while_a_session_runs_it_and_goes_with_its_stopped_container(empty, send):
    used = send("used:1", 10)
    empty.engine.run(ContainerSpec("dd-alice-1", used.id, 80, 20000, 32, labels=OURS))
    assert not clean(empty.engine, lambda: empty.disk_percent, 1, leaving(empty, [used], needed=()))
    assert empty.engine.image_ids() == {used.id}
    with empty.engine.client("stop") as client:
        client.kill("dd-alice-1")
        client.wait("dd-alice-1")
    clean(empty.engine, lambda: empty.disk_percent, 1, leaving(empty, [used], needed=()))
    assert empty.engine.image_ids() == {used.id}  # the session is not over on record
    clean(empty.engine, lambda: empty.disk_percent, 1, leaving(empty, [used], needed=(), ended={"alice-1"}))
    assert empty.engine.find("dd-alice-1") is None
    assert empty.engine.image_ids() == set()


def test_an_image_that_lost_its_name_goes_though_no_record_knows_it(empty, send):
    stranger, named = send("stranger:1", 2), send("named:1", 2)
    with empty.engine.client("take its name") as client:
        client.tag(named.id, "stranger", "1")
    clean(empty.engine, lambda: empty.disk_percent, 1, leaving(empty, [], needed=()))
    assert empty.engine.image_ids() == {named.id}
    assert stranger.id != named.id


def test_the_engine_says_where_its_data_is(host):
    assert data_root(host.engine) == str(host.root / "data")
