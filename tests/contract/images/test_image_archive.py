"""What is taken for an image archive is what a real engine takes, and what it gives."""

import os
import subprocess
import time

import pytest

from blocks.images.archive import read_archive
from blocks.images.folder import scan
from blocks.stored.authority import CertificateAuthority
from pool.errors import BrokenArchive, DockerDriverError
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import busybox_image, tar_of

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def engine():
    with light_host(CertificateAuthority.create("test authority")) as host:
        yield host.engine


@pytest.fixture(scope="module")
def image(engine):
    image = busybox_image("team/tiny:4.4", ("true",), {"page": b"one"})
    engine.load([image.archive()])
    return image


@pytest.fixture
def saved(engine, image, tmp_path):
    """What the engine itself saves of the image."""
    path = tmp_path / "tiny.tar"
    with engine.client("save") as client:
        path.write_bytes(b"".join(client.get_image("team/tiny:4.4")))
    return path


@pytest.mark.parametrize("pack", [["cat"], ["gzip", "-c"], ["zstd", "-qc"]], ids=["plain", "gzip", "zstd"])
def test_what_an_engine_saves_is_read_as_what_it_has(image, saved, pack):
    packed = saved.with_name("packed.tar")
    packed.write_bytes(subprocess.run([*pack, saved], check=True, capture_output=True).stdout)
    archive = read_archive(packed)
    assert (archive.names, archive.image_id) == (("team/tiny:4.4",), image.id)
    assert archive.layers == tuple(image.diff_ids)
    assert archive.size == packed.stat().st_size


def test_an_image_whose_layers_are_the_same_is_saved_with_a_link_that_is_followed(engine, tmp_path):
    image = busybox_image("twice:1", ("true",), {"page": b"one"})
    image.layers.append(image.layers[-1])
    path = tmp_path / "twice.tar"
    path.write_bytes(image.archive())
    engine.load([path.read_bytes()])
    with engine.client("save") as client:
        path.write_bytes(b"".join(client.get_image("twice:1")))
    assert b"../" in path.read_bytes()
    assert read_archive(path).layers == tuple(image.diff_ids)


@pytest.mark.parametrize("layout", ["members", "oci_members"])
def test_both_layouts_are_taken_by_us_and_by_the_engine(engine, tmp_path, layout):
    image = busybox_image(f"{layout}:1".replace("_", "-"), ("true",), {"page": layout.encode()})
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(getattr(image, layout)()))
    assert read_archive(path).image_id == image.id
    engine.load([path.read_bytes()])
    assert image.id in engine.image_ids()


def test_what_we_refuse_as_swapped_the_engine_refuses_too(engine, tmp_path):
    image = busybox_image("swapped:1", ("true",), {"page": b"new to the engine"})
    members = image.members()
    first, second, *_ = members
    path = tmp_path / "swapped.tar"
    path.write_bytes(tar_of(members | {second: members[first]}))
    with pytest.raises(BrokenArchive, match="is not the one that the config names"):
        read_archive(path)
    with pytest.raises(DockerDriverError):
        engine.load([path.read_bytes()])
    assert image.id not in engine.image_ids()


def test_a_scan_gives_what_the_engine_then_has(engine, image, saved):
    os.utime(saved, (time.time() - 60,) * 2)
    (archive,), refused = scan(saved.parent)
    engine.load([archive.path.read_bytes()])
    assert refused == []
    assert archive.image_id in engine.image_ids()
