"""The layer store: whole, verified, once; and nothing goes that a process reads."""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard

from blocks.images.archive import read_archive
from blocks.images.layer_store import LayerStore
from blocks.images.stream import Compression
from pool.errors import BrokenArchive, DockerDriverError, NotFound
from tests.rigs.engines.tiny_image import TinyImage, digest, tar_of

pytestmark = pytest.mark.unit

BASE, TOP = tar_of({"base": b"b" * 5000}), tar_of({"top": b"t"})


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "layers"


@pytest.fixture
def store(directory):
    return LayerStore(directory)


@pytest.fixture
def archived(tmp_path):
    def archived(image, data=b""):
        path = tmp_path / "image.tar"
        path.write_bytes(data or image.archive())
        return read_archive(path)

    return archived


def kept(directory):
    return sorted(path.name for path in directory.iterdir() if path.is_file())


@pytest.mark.parametrize("layout", ["members", "oci_members"])
def test_config_and_layers_are_kept_by_their_digests(store, archived, directory, layout):
    image = TinyImage(layers=[BASE, TOP])
    assert store.add(archived(image, tar_of(getattr(image, layout)()))) == 2
    assert kept(directory) == sorted([f"{digest(BASE)}.tar.zst", f"{digest(TOP)}.tar.zst", f"{image.id[7:]}.json"])
    assert store.config(image.id) == image.config
    packed = store.packed(image.diff_ids[0], Compression.ZSTD).read_bytes()
    assert zstandard.ZstdDecompressor().stream_reader(packed).read() == BASE


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_layers_that_are_packed_in_the_archive_are_kept_by_what_is_in_them(store, archived, pack):
    image = TinyImage(layers=[BASE])
    store.add(archived(image, pack(tar_of(image.oci_members(pack)))))
    assert gzip.decompress(store.packed(image.diff_ids[0], Compression.GZIP).read_bytes()) == BASE


def test_a_layer_that_is_there_is_not_written_again(store, archived, directory):
    store.add(archived(TinyImage(layers=[BASE])))
    before = (directory / f"{digest(BASE)}.tar.zst").stat()
    assert store.add(archived(TinyImage(layers=[BASE, TOP]))) == 1
    assert (directory / f"{digest(BASE)}.tar.zst").stat() == before


def test_reading_an_archive_keeps_its_layers_and_passes_over_those_that_are_there(store, archived, tmp_path):
    path = archived(TinyImage(layers=[BASE, TOP])).path
    assert read_archive(path, store).layers == tuple(TinyImage(layers=[BASE, TOP]).diff_ids)
    assert store.usage().layers == 2
    path.write_bytes(path.read_bytes().replace(b"b" * 5000, b"c" * 5000))  # it is not read again
    assert store.add(read_archive(path, store)) == 0
    with pytest.raises(BrokenArchive, match="is not the one that the config names"):
        read_archive(path)


def test_reading_a_broken_archive_keeps_no_layer_that_is_not_what_it_is_named_by(store, archived, directory):
    path = archived(TinyImage(layers=[BASE, TOP])).path
    path.write_bytes(path.read_bytes().replace(b"b" * 5000, b"c" * 5000))
    with pytest.raises(BrokenArchive, match=r"images/image\.tar: the layer .* is not what it is named by"):
        read_archive(path, store)
    assert not store.has(f"sha256:{digest(BASE)}")


def test_a_layer_that_an_image_has_twice_is_kept_once(store, archived):
    assert store.add(archived(TinyImage(layers=[BASE, TOP, BASE], name="twice:1"))) == 2
    assert store.usage().layers == 2


def test_an_archive_that_changed_after_it_was_checked_leaves_nothing(store, archived, directory):
    archive = archived(TinyImage(layers=[BASE]))
    data = bytearray(archive.path.read_bytes())
    data[600] ^= 1
    archive.path.write_bytes(data)
    with pytest.raises(BrokenArchive, match=r"the layer sha256:.* is not what it is named by"):
        store.add(archive)
    assert kept(directory) == []


def test_an_archive_that_was_cut_after_it_was_checked_leaves_nothing(store, archived, directory):
    archive = archived(TinyImage(layers=[BASE]))
    archive.path.write_bytes(archive.path.read_bytes()[:2000])
    with pytest.raises(BrokenArchive, match=r"images/image\.tar: "):
        store.add(archive)
    assert kept(directory) == []


@pytest.mark.parametrize(
    ("damage", "words"), [(zstandard.compress(TOP), "is not what it is named by"), (b"zeros", "is damaged on disk")]
)
def test_a_layer_that_the_disk_damaged_is_not_sent_and_kept_anew(store, archived, directory, damage, words):
    archive = archived(TinyImage(layers=[BASE]))
    store.add(archive)
    (directory / f"{digest(BASE)}.tar.zst").write_bytes(damage)
    with pytest.raises(BrokenArchive, match=words):
        store.packed(f"sha256:{digest(BASE)}", Compression.GZIP)
    assert store.add(archive) == 1
    assert gzip.decompress(store.packed(f"sha256:{digest(BASE)}", Compression.GZIP).read_bytes()) == BASE


def test_what_is_not_there_is_named(store):
    with pytest.raises(NotFound, match="layer sha256:000000000000 is not in the layer store"):
        store.packed("sha256:" + "0" * 64, Compression.GZIP)
    with pytest.raises(NotFound, match="image sha256:000000000000 is not in the layer store"):
        store.config("sha256:" + "0" * 64)


def test_the_same_layer_packed_twice_gives_the_same_bytes(store, archived, directory):
    store.add(archived(TinyImage(layers=[BASE])))
    path = store.packed(f"sha256:{digest(BASE)}", Compression.GZIP)
    first = path.read_bytes()
    path.unlink()
    assert store.packed(f"sha256:{digest(BASE)}", Compression.GZIP).read_bytes() == first


def test_many_who_ask_at_once_get_the_same_whole_file(store, archived):
    image = TinyImage(layers=[tar_of({"noise": os.urandom(2_000_000)})])
    store.add(archived(image))
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: store.packed(image.diff_ids[0], Compression.GZIP).read_bytes()) for _ in range(8)]
    assert {gzip.decompress(answer.result()) for answer in asked} == {image.layers[0]}


def test_what_no_wanted_image_has_is_collected(store, archived, directory):
    old, new = TinyImage(layers=[BASE]), TinyImage(layers=[TOP])
    for image in (old, new):
        store.add(archived(image))
        store.packed(image.diff_ids[0], Compression.GZIP)
    (directory / f".{digest(TOP)}.tar.zst.abcd").write_bytes(b"half of a layer, its writer died")
    assert store.collect(lambda: {new.id, *new.diff_ids}) == 4
    assert kept(directory) == sorted([f"{digest(TOP)}.tar.zst", f"{digest(TOP)}.tar.gz", f"{new.id[7:]}.json"])


def test_nothing_is_collected_while_a_process_reads(store, archived):
    store.add(archived(TinyImage()))
    with store.reading():
        assert store.collect(set) == 0
    assert store.collect(set) == 2


def test_the_store_says_what_it_holds(store, archived, directory):
    assert (store.usage().layers, store.usage().bytes) == (0, 0)
    image = TinyImage(layers=[BASE, TOP])
    store.add(archived(image))
    files = [path for path in directory.iterdir() if path.is_file()]
    assert (store.usage().layers, store.usage().bytes) == (2, sum(path.stat().st_size for path in files))
    assert store.size(image.diff_ids[0]) == (directory / f"{digest(BASE)}.tar.zst").stat().st_size


def test_a_store_that_cannot_be_written_is_named(archived, tmp_path):
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(DockerDriverError, match=r"layer store .*/file cannot be written: Not a directory"):
        LayerStore(tmp_path / "file").add(archived(TinyImage()))
