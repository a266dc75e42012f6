"""Archives as other tools than Docker write them."""

import pytest
import zstandard

from blocks.images.archive import read_archive
from tests.rigs.engines.tiny_image import TinyImage, digest, tar_of, with_manifest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("tag", ["localhost/lab:1", "docker.io/library/lab:1", "lab:1"])
def test_an_archive_of_another_tool_names_its_image_as_docker_does(write, tag):
    assert read_archive(write(with_manifest(TinyImage(), RepoTags=[tag]))).names == ("lab:1",)


def test_a_registry_may_be_named_by_an_ipv6_address(write):
    archive = with_manifest(TinyImage(), RepoTags=["[2001:DB8:0::1]:5000/lab:1"])
    assert read_archive(write(archive)).names == ("[2001:db8::1]:5000/lab:1",)


def test_a_config_that_is_always_called_config_json_is_taken_under_its_own_digest(write):
    image = TinyImage()
    members = image.members() | {"config.json": image.config}
    members["manifest.json"] = members["manifest.json"].replace(f"{digest(image.config)}.json".encode(), b"config.json")
    assert read_archive(write(tar_of(members))).image_id == image.id


def test_an_image_of_another_operating_system_is_refused_with_its_name(refused):
    image = TinyImage()
    config = image.config.replace(b'"linux"', b'"windows"')
    members = image.members() | {"config.json": config}
    members["manifest.json"] = members["manifest.json"].replace(f"{digest(image.config)}.json".encode(), b"config.json")
    assert "made for windows" in refused(tar_of(members))


def test_a_layer_of_zeros_is_no_bomb(write):
    image = TinyImage(layers=[tar_of({"var/log/lastlog": bytes(300 << 20)})])
    assert read_archive(write(tar_of(image.oci_members(zstandard.compress)))).layers == tuple(image.diff_ids)
