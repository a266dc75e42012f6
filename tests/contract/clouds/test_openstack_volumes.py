"""Hosts with volumes, on the real services: Cinder makes them, Nova attaches them, and they go with the host."""

from collections.abc import Iterator

import pytest
from openstack.connection import Connection

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.port import ServerStatus
from pool.errors import CloudRefused
from tests.rigs.hosts.clouds import delete_all
from tests.rigs.openstack import OpenStackRig
from tests.rigs.openstack.cloud_under_test import NAMESPACE, kinds, opened, request, settled
from tests.rigs.present import present

pytest_plugins = ("tests.rigs.openstack.fixtures",)
pytestmark = [pytest.mark.contract, pytest.mark.openstack, pytest.mark.nightly]


@pytest.fixture(scope="module")
def rig(openstack_rig: OpenStackRig) -> OpenStackRig:
    """The rig, with Cinder."""
    openstack_rig.start_volumes()
    return openstack_rig


@pytest.fixture
def cloud(rig: OpenStackRig) -> Iterator[OpenStackCloud]:
    """The cloud in the region that has volumes."""
    it = opened("rig-volumes")
    yield it
    delete_all(it, {part.host for part in it.parts() if part.host})
    assert rig.project_holds() == set()


@pytest.fixture
def project(rig: OpenStackRig) -> Connection:
    return rig.connect("rig-volumes")


def test_a_data_volume_is_attached_where_the_host_expects_it_and_goes_with_it(cloud, project):
    server = cloud.create(request(data_volume_gb=24))
    assert present(settled(cloud)).status is ServerStatus.ACTIVE
    volume = next(project.block_storage.volumes())
    assert (volume.name, volume.size, volume.status) == ("main-01-data", 24, "in-use")
    assert (volume.attachments[0]["server_id"], volume.attachments[0]["device"]) == (server.id, "/dev/vdb")
    cloud.delete("main-01")
    assert list(project.block_storage.volumes()) == []


def test_a_root_volume_is_a_copy_of_the_image_and_is_booted(cloud, project):
    server = opened("rig-volumes", DD_HOST_ROOT_VOLUME_SIZE=20).create(request(data_volume_gb=4))
    assert present(settled(cloud)).status is ServerStatus.ACTIVE
    volumes = {volume.name: volume for volume in project.block_storage.volumes()}
    assert set(volumes) == {"main-01-root", "main-01-data"}
    assert volumes["main-01-root"].volume_image_metadata["image_name"] == "Debian-12"
    assert volumes["main-01-root"].attachments[0]["server_id"] == server.id


def test_an_unknown_volume_type_lists_those_that_there_are(cloud):
    with pytest.raises(CloudRefused, match=r"no volume type is named 'gold'; the cloud has: .*standard"):
        opened("rig-volumes", DD_HOST_DATA_VOLUME_TYPE="gold").create(request(data_volume_gb=4))
    assert cloud.parts() == ()


def test_a_used_up_volume_quota_leaves_nothing(cloud, rig, project):
    quotas = rig.connect("rig-admin-volumes").block_storage
    quotas.update_quota_set(project.current_project_id, gigabytes=10)
    try:
        with pytest.raises(CloudRefused, match="quota: 0 of 10 GB of volumes are in use and a host needs 24"):
            cloud.create(request(data_volume_gb=24))
    finally:
        quotas.revert_quota_set(project.current_project_id)
    assert cloud.parts() == ()


def test_the_quota_of_volumes_is_known_before_a_host_is_spawned(cloud, rig, project):
    quotas = rig.connect("rig-admin-volumes").block_storage
    quotas.update_quota_set(project.current_project_id, gigabytes=50)
    try:
        assert cloud.headroom("rig.tiny", data_volume_gb=24).hosts == 2
        assert cloud.headroom("rig.tiny", data_volume_gb=96).because == (
            "0 of 50 GB of volumes are in use and a host needs 96"
        )
    finally:
        quotas.revert_quota_set(project.current_project_id)


def test_a_volume_of_a_spawn_that_died_is_used_by_the_next(cloud, project):
    marks = {"dockerdriver.namespace": NAMESPACE, "dockerdriver.pool": "main", "dockerdriver.host": "main-01"}
    left = project.block_storage.create_volume(name="main-01-data", size=4, metadata=marks)
    assert kinds(cloud) == ["volume"]
    cloud.create(request(data_volume_gb=4))
    assert present(settled(cloud)).status is ServerStatus.ACTIVE
    assert [volume.id for volume in project.block_storage.volumes()] == [left.id]


def test_a_stranger_s_volume_of_the_same_name_is_not_touched(cloud, project):
    theirs = project.block_storage.create_volume(name="main-01-data", size=1)
    cloud.create(request(data_volume_gb=4))
    cloud.delete("main-01")
    assert [volume.id for volume in project.block_storage.volumes()] == [theirs.id]
    project.block_storage.wait_for_status(theirs, "available", interval=0.2)
    project.block_storage.delete_volume(theirs)
    project.block_storage.wait_for_delete(theirs, interval=0.2)
