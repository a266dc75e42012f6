"""Image archives: the good ones are read, every broken or hostile one is refused by name."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.images.archive import ArchiveInfo, read_archive
from blocks.images.stream import Compression
from pool.errors import BrokenArchive
from tests.rigs.engines.tiny_image import TinyImage, digest, tar_of, with_manifest

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

LAYER = tar_of({"hello": b"world"})


def member(name: str, type_: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    """One header without content, as a hostile hand writes it."""
    header = tarfile.TarInfo(name)
    header.type, header.linkname = type_, target
    return header.tobuf()


def declaring(size: int, type_: bytes = tarfile.REGTYPE) -> bytes:
    header = tarfile.TarInfo("large")
    header.type, header.size = type_, size
    return header.tobuf(tarfile.GNU_FORMAT)


def test_the_old_layout_is_read(write):
    image = TinyImage("jupyter-minimal:latest", [LAYER, tar_of({"b": b"2"})])
    path = write(image.archive())
    expected = ArchiveInfo(
        path, ("jupyter-minimal",), image.id, tuple(image.diff_ids), path.stat().st_size, Compression.NONE
    )
    assert read_archive(path) == expected


def test_the_oci_layout_is_read(write):
    image = TinyImage("rocker/rstudio:4.4")
    archive = read_archive(write(tar_of(image.oci_members())))
    assert (archive.names, archive.image_id) == (("rocker/rstudio:4.4",), image.id)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_layers_that_are_packed_inside_are_read(write, pack):
    image = TinyImage()
    assert read_archive(write(tar_of(image.oci_members(pack)))).layers == tuple(image.diff_ids)


PACKS = [
    (gzip.compress, Compression.GZIP),
    (zstandard.compress, Compression.ZSTD),
    (lzma.compress, Compression.XZ),
    (bz2.compress, Compression.BZIP2),
]


@pytest.mark.parametrize(("pack", "compression"), PACKS)
def test_a_packed_archive_is_read(write, pack, compression):
    archive = read_archive(write(pack(TinyImage().archive())))
    assert (archive.image_id, archive.compression) == (TinyImage().id, compression)


@pytest.mark.parametrize("pack", [pack for pack, _ in PACKS])
def test_streams_one_after_the_other_are_one_archive(write, pack):
    data = TinyImage().archive()
    packed = pack(data[:1000]) + pack(data[1000:])
    assert read_archive(write(packed)).image_id == TinyImage().id


def test_a_layer_that_is_a_link_to_another_is_found(write):
    image = TinyImage(layers=[LAYER, LAYER])
    members = image.members()
    manifest = json.loads(members["manifest.json"])
    manifest[0]["Layers"] = [f"{digest(LAYER)}/layer.tar", "second/layer.tar"]
    members["manifest.json"] = json.dumps(manifest).encode()
    archive = tar_of(members, links={"second/layer.tar": f"../{digest(LAYER)}/layer.tar"})
    assert read_archive(write(archive)).layers == (image.diff_ids[0],) * 2


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, zstandard.compress, lzma.compress, bz2.compress],
    ids=["plain", "gzip", "zstd", "xz", "bzip2"],
)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_archive_is_refused(refused, pack, share):
    packed = pack(TinyImage(layers=[tar_of({"noise": os.urandom(100_000)})]).archive())
    refused(packed[: int(len(packed) * share)])


def test_a_file_that_is_no_tar_is_refused(refused):
    assert "no tar archive" in refused(b"hello, world" * 1000)


def test_an_empty_file_is_refused(refused):
    assert "no tar archive" in refused(b"")


def test_a_broken_checksum_of_gzip_is_refused(refused):
    packed = bytearray(gzip.compress(TinyImage().archive()))
    packed[-6] ^= 1
    assert "compression is broken" in refused(bytes(packed))


def test_an_archive_without_manifest_is_refused(refused):
    assert "manifest.json is missing" in refused(tar_of({"etc/passwd": b"root"}))


def test_an_archive_in_ocis_layout_alone_is_refused_with_what_to_do(refused):
    members = TinyImage().oci_members()
    del members["manifest.json"]
    assert "podman save --format docker-archive" in refused(tar_of(members))


def test_a_manifest_that_is_no_json_is_refused(refused):
    assert "manifest.json is no JSON" in refused(tar_of({"manifest.json": b"[{]"}))


def test_a_manifest_of_endless_brackets_is_refused(refused):
    assert "manifest.json is no JSON" in refused(tar_of({"manifest.json": b"[" * 200_000}))


def test_a_manifest_of_another_shape_is_refused(refused):
    assert "not a list of images" in refused(tar_of({"manifest.json": b'{"Config": "x"}'}))


def test_a_manifest_larger_than_any_is_refused(refused):
    assert "larger than 4 MB" in refused(tar_of({"manifest.json": b"[" + b" " * (5 << 20) + b"]"}))


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "a/../../x", "/etc/passwd", ".."])
def test_a_member_that_points_outside_is_refused(refused, name):
    assert "points outside the archive" in refused(member(name) + TinyImage().archive())


def test_what_a_name_would_do_to_a_terminal_is_escaped_in_the_refusal(refused):
    assert r"the member ../\x1b[2J points outside" in refused(member("../\x1b[2J") + TinyImage().archive())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
@pytest.mark.parametrize("target", ["/etc/shadow", "../../etc/shadow"])
def test_a_link_that_points_outside_is_refused(refused, kind, target):
    assert "points outside the archive" in refused(member("layer.tar", kind, target) + TinyImage().archive())


def test_links_in_a_ring_are_refused(refused):
    ring = member("manifest.json", tarfile.SYMTYPE, "b") + member("b", tarfile.SYMTYPE, "manifest.json")
    assert "manifest.json is missing" in refused(ring + bytes(1024))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE], ids=["device", "pipe"])
def test_a_member_that_is_no_file_is_refused(refused, kind):
    assert "neither file, folder nor link" in refused(member("x", kind) + TinyImage().archive())


def test_a_member_that_is_there_twice_is_refused(refused):
    assert "is there twice" in refused(member("manifest.json") + TinyImage().archive())


def test_a_config_of_another_digest_is_refused(refused):
    image = TinyImage()
    members = image.members()
    members[f"{digest(image.config)}.json"] = image.config.replace(b"amd64", b"arm64")
    assert "not the one that it is named by" in refused(tar_of(members))


def test_a_config_that_is_no_json_is_not_refused_for_its_digest(refused):
    image = TinyImage()
    members = image.members() | {f"{digest(image.config)}.json": b"\x7fELF" + bytes(600)}
    assert "is no JSON object" in refused(tar_of(members))


def test_a_layer_of_another_digest_is_refused(refused):
    image = TinyImage()
    members = image.members() | {f"{digest(LAYER)}/layer.tar": tar_of({"hello": b"mallory"})}
    assert "it is not the one that the config names" in refused(tar_of(members))


def test_a_missing_layer_is_refused(refused):
    members = TinyImage().members()
    del members[f"{digest(LAYER)}/layer.tar"]
    assert "layer.tar is missing" in refused(tar_of(members))


@pytest.mark.parametrize("layers", [[], "x", [1], None])
def test_a_list_of_layers_that_is_not_the_configs_is_refused(refused, layers):
    refused(with_manifest(TinyImage(), Layers=layers))


@pytest.mark.parametrize("tags", [None, [], "tiny", [7], [f"tiny@sha256:{'0' * 64}"]])
def test_an_image_without_a_name_is_refused(refused, tags):
    assert "has no name" in refused(with_manifest(TinyImage(), RepoTags=tags))


@pytest.mark.parametrize("tags", [[""], ["x\ny:1"], ["TINY:1"], ["tiny:1", "ti ny:1"]])
def test_an_image_with_a_name_that_no_engine_takes_is_refused(refused, tags):
    assert "a name that no engine takes" in refused(with_manifest(TinyImage(), RepoTags=tags))


@pytest.mark.parametrize("config", [None, 7, "nowhere.json", "manifest.json"])
def test_a_config_that_is_not_there_is_refused(refused, config):
    refused(with_manifest(TinyImage(), Config=config))


def test_two_images_in_one_archive_are_refused(refused):
    members = TinyImage().members()
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) * 2).encode()
    assert "it holds 2 images" in refused(tar_of(members))


@pytest.mark.parametrize("size", [1 << 50, -1])
def test_a_member_that_declares_an_absurd_size_is_refused(refused, size):
    refused(declaring(size) + bytes(10240))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE], ids=["long name", "pax"])
def test_a_name_that_would_fill_the_memory_is_refused(refused, kind):
    assert "absurd size" in refused(declaring(8 << 30, kind) + bytes(10240))


@pytest.mark.parametrize("pack", [pack for pack, _ in PACKS])
def test_an_archive_that_is_a_bomb_is_refused(refused, monkeypatch, pack):
    monkeypatch.setattr("blocks.images.stream.FREE_RATIO", 1 << 20)
    bomb = pack(tar_of({"zeros": bytes(8 << 20)}))
    assert "unpacks to an absurd size" in refused(bomb)


@pytest.mark.parametrize("pack", [pack for pack, _ in PACKS])
def test_a_layer_that_is_a_bomb_is_refused(refused, monkeypatch, pack):
    monkeypatch.setattr("blocks.images.stream.FREE_RATIO", 1 << 20)
    image = TinyImage(layers=[bytes(8 << 20)])
    words = refused(tar_of(image.oci_members(pack)))
    assert "unpacks to an absurd size" in words
    assert "the config names" not in words


def test_more_members_than_any_image_has_are_refused(refused, monkeypatch):
    monkeypatch.setattr("blocks.images.members.MAX_MEMBERS", 10)
    assert "more than 10 members" in refused(tar_of({str(n): b"" for n in range(11)}))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BrokenArchive, match=r"images/foo\.tar: cannot be read: No such file"):
        read_archive(tmp_path / "foo.tar")


def take_or_refuse(path, data):
    """The one promise for any bytes: an ArchiveInfo, or a BrokenArchive with one sentence; nothing else."""
    path.write_bytes(data)
    try:
        assert read_archive(path).image_id.startswith("sha256:")
    except BrokenArchive as error:
        assert str(error).startswith("images/")
        assert len(str(error)) < 1000


@settings(max_examples=75, deadline=None)
@given(data=st.binary(max_size=4096))
def test_any_bytes_are_taken_or_refused(tmp_path_factory, data):
    take_or_refuse(tmp_path_factory.getbasetemp() / "any.tar", data)


@settings(max_examples=150, deadline=None)
@given(
    pack=st.sampled_from([bytes, gzip.compress, zstandard.compress]),
    layout=st.sampled_from(["members", "oci_members"]),
    damage=st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=16)), min_size=1, max_size=4),
    cut=st.integers(0, 2000),
)
def test_any_damage_to_a_good_archive_is_taken_or_refused(tmp_path_factory, pack, layout, damage, cut):
    data = bytearray(pack(tar_of(getattr(TinyImage(), layout)())))
    for place, noise in damage:
        at = place % len(data)
        data[at : at + len(noise)] = noise
    take_or_refuse(tmp_path_factory.getbasetemp() / "damaged.tar", bytes(data[: len(data) - cut]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(config=json_values, tags=json_values, layers=json_values)
def test_any_manifest_is_taken_or_refused(tmp_path_factory, config, tags, layers):
    data = with_manifest(TinyImage(), Config=config, RepoTags=tags, Layers=layers)
    take_or_refuse(tmp_path_factory.getbasetemp() / "manifest.tar", data)


@settings(max_examples=100, deadline=None)
@given(
    headers=st.lists(
        st.tuples(
            st.text(max_size=300).filter(lambda name: "\0" not in name),
            st.sampled_from([bytes([kind]) for kind in b"0123456LKxgS7DV"]),
            st.text(max_size=20).filter(lambda name: "\0" not in name),
            st.integers(-(1 << 40), 1 << 60) | st.integers(0, 2048),
        ),
        max_size=4,
    )
)
def test_any_headers_are_taken_or_refused(tmp_path_factory, headers):
    buffer = io.BytesIO()
    for name, kind, target, size in headers:
        header = tarfile.TarInfo(name)
        header.type, header.linkname, header.size = kind, target, size
        buffer.write(header.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape"))
    take_or_refuse(tmp_path_factory.getbasetemp() / "headers.tar", buffer.getvalue() + TinyImage().archive())
