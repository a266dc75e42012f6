"""Archives as other tools than Docker write them."""

import io
import json
import tarfile

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


def test_json_may_begin_with_blanks(write):
    image = TinyImage()
    config = b"\n  " + image.config
    manifest = [
        {"Config": f"{digest(config)}.json", "RepoTags": ["lab"], "Layers": [f"{digest(image.layers[0])}/layer.tar"]}
    ]
    members = image.members() | {
        f"{digest(config)}.json": config,
        "manifest.json": b" \r\n" + json.dumps(manifest).encode(),
    }
    assert read_archive(write(tar_of(members))).image_id == f"sha256:{digest(config)}"


def named(member: tuple[str, bytes]) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(member[0])
    header.size = len(member[1])
    return header, member[1]


@pytest.mark.parametrize("link_first", [True, False])
def test_a_layer_may_be_a_hard_link_to_another_member(tmp_path, link_first):
    image = TinyImage()
    layer = f"{digest(image.layers[0])}/layer.tar"
    link = tarfile.TarInfo(f"./{layer}")
    link.type, link.linkname = tarfile.LNKTYPE, "./kept.tar"
    files = {name: data for name, data in image.members().items() if name != layer} | {"kept.tar": image.layers[0]}
    members = [*map(named, files.items())]
    members.insert(0 if link_first else len(members), (link, b""))
    with tarfile.open(tmp_path / "lab.tar", "w") as archive:
        for header, data in members:
            archive.addfile(header, io.BytesIO(data))
    assert read_archive(tmp_path / "lab.tar").image_id == image.id


def test_an_archive_that_pzstd_packed_is_read(write):
    packed = zstandard.compress(TinyImage().archive())
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + len(packed).to_bytes(4, "little")
    assert read_archive(write(skipped + packed)).image_id == TinyImage().id


def test_an_image_of_another_operating_system_is_refused_with_its_name(refused):
    image = TinyImage()
    config = image.config.replace(b'"linux"', b'"windows"')
    members = image.members() | {"config.json": config}
    members["manifest.json"] = members["manifest.json"].replace(f"{digest(image.config)}.json".encode(), b"config.json")
    assert "made for windows" in refused(tar_of(members))


def test_a_layer_of_zeros_is_no_bomb(write):
    image = TinyImage(layers=[tar_of({"var/log/lastlog": bytes(300 << 20)})])
    assert read_archive(write(tar_of(image.oci_members(zstandard.compress)))).layers == tuple(image.diff_ids)
