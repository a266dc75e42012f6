"""What every cloud must do that makes images of its hosts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.port import Server, ServerStatus
from blocks.stored.host_keys import new_host_key
from pool.errors import CloudRefused, CloudTrouble
from tests.rigs.hosts.clouds import KEY, Rig, server_request, ssh_when_it_answers
from tests.rigs.present import present
from tests.rigs.waiting import until

if TYPE_CHECKING:
    import subprocess

pytest_plugins = ("tests.rigs.engines.engine", "tests.rigs.hosts.cloud_fixtures", "tests.rigs.openstack.fixtures")
pytestmark = pytest.mark.contract

NAME = "dd-test-host-image"
# A file on the disk, and in Docker's data root one with an attribute, a whiteout and a link, as overlay2 has them
MARKED = (
    "sudo -n sh -c 'echo kept > /kept; mkdir -p /var/lib/docker/overlay2/l; cd /var/lib/docker/overlay2;"
    " mknod gone c 0 0; mkdir opaque; ln -s ../opaque l/short; sync;"
    ' python3 -c "import os; os.setxattr(\\"opaque\\", \\"trusted.overlay.opaque\\", b\\"y\\")"\''
)
LOOK = (
    "sudo -n sh -c 'cat /kept; cd /var/lib/docker/overlay2; stat -c %F:%t:%T gone; readlink l/short;"
    ' python3 -c "import os; print(os.getxattr(\\"opaque\\", \\"trusted.overlay.opaque\\"))"\''
)


@pytest.fixture(params=["local", pytest.param("openstack", marks=pytest.mark.openstack)])
def rig(request) -> Iterator[Rig]:
    rig = request.getfixturevalue(request.param)
    yield rig
    for server in rig.cloud.list_servers():
        rig.cloud.delete(server.host)
    for image in rig.cloud.snapshots():
        rig.cloud.delete_snapshot(image)


@pytest.fixture
def image_of_another_owner(request, rig) -> str:
    """Name of an image that is there and not ours."""
    return request.getfixturevalue("host_image") if isinstance(rig.cloud, LocalCloud) else "Debian-12"


def booted(rig: Rig, host: str, image: str = "bare", key=KEY) -> Server:
    rig.cloud.create(server_request(host, key, image=image))
    until(lambda: present(rig.cloud.find(host)).status is not ServerStatus.BUILD, f"{host} is built", 60)
    return present(rig.cloud.find(host))


def on(server: Server, key, where, command: str) -> str:
    done: subprocess.CompletedProcess = ssh_when_it_answers(server, key.public, where, command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_host_boots_from_the_image_of_another_with_its_files_and_data_root(rig, tmp_path):
    on(booted(rig, "h-1"), KEY, tmp_path, MARKED)
    image = rig.cloud.snapshot("h-1", NAME, "recipe-1")
    assert (image.name, image.pool, image.recipe, image.ready) == (NAME, "main", "recipe-1", True)
    assert rig.cloud.find("h-1").status is ServerStatus.STOPPED
    key = new_host_key()
    seen = on(booted(rig, "h-2", image.id, key), key, tmp_path, LOOK)
    assert seen.split("\n")[:4] == ["kept", "character special file:0:0", "../opaque", "b'y'"]


def test_asked_twice_there_is_one_image_which_its_own_namespace_alone_sees_and_deletes(rig, tmp_path):
    on(booted(rig, "h-1"), KEY, tmp_path, "true")
    image = rig.cloud.snapshot("h-1", NAME, "recipe-1")
    assert rig.cloud.snapshot("h-1", NAME, "recipe-1").id == rig.cloud.image_id(NAME) == image.id
    assert (rig.cloud.snapshots(), rig.open("dd-test-stranger").snapshots()) == ([image], [])
    rig.cloud.delete("h-1")
    rig.cloud.delete_snapshot(image)
    rig.cloud.delete_snapshot(image)
    assert rig.cloud.snapshots() == []


def test_the_name_of_an_image_of_another_owner_is_refused(rig, image_of_another_owner):
    with pytest.raises(CloudRefused, match="cannot be made: an image of another owner has that name"):
        rig.cloud.snapshot("h-1", image_of_another_owner, "recipe-1")


def test_a_host_that_is_not_there_is_no_image(rig):
    with pytest.raises(CloudTrouble, match="host h-1 has no "):
        rig.cloud.snapshot("h-1", NAME, "recipe-1")


def test_an_unknown_image_is_refused_by_name(rig):
    with pytest.raises(CloudRefused, match=r"no image .*'windows'"):
        rig.cloud.image_id("windows")


def test_machines_of_the_operators_are_refused_in_one_sentence(static):
    with pytest.raises(CloudRefused, match="the static cloud makes no host images"):
        static.cloud.check_snapshots()
    assert static.cloud.snapshots() == []
