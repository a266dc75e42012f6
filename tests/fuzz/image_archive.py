"""Broken and hostile image archives, as many as fit into the time: ``make fuzz SECONDS=600``.

Each is read as the catalogue reads it, layers kept in a store. It is taken, or refused with one sentence; nothing else
is raised, and nothing is written but below the store's folder.
"""

import gzip
import io
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import zstandard
from hypothesis import strategies as st

from blocks.images.archive import read_archive
from blocks.images.layer_store import LayerStore
from pool.errors import BrokenArchive
from tests.fuzz.rounds import fuzz
from tests.rigs.engines.tiny_image import TinyImage, tar_of

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": partial(gzip.compress, mtime=0),
    "zstd": zstandard.compress,
}
NAMES = st.text(max_size=300).filter(lambda name: "\0" not in name)
HOSTILE = st.sampled_from(["../x", "/etc/x", "a/../../x", "./.", "manifest.json", "..", "~/x"]) | NAMES
KINDS = st.sampled_from([bytes([kind]) for kind in b"0123456LKxgS7DV"])
SIZES = st.integers(-(1 << 40), 1 << 60) | st.integers(0, 2048)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@st.composite
def good(draw: st.DrawFn) -> bytes:
    """An archive as an engine writes it, its layers perhaps packed."""
    image = TinyImage(
        layers=[tar_of({f"file-{n}": draw(st.binary(max_size=64))}) for n in range(draw(st.integers(1, 4)))]
    )
    if draw(st.booleans()):
        return tar_of(image.members())
    return tar_of(image.oci_members(PACKERS[draw(st.sampled_from(sorted(PACKERS)))]))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Some bytes of a good archive are others, and its end may be missing; packed before or after."""
    pack, before = PACKERS[draw(st.sampled_from(sorted(PACKERS)))], draw(st.booleans())
    data = bytearray(pack(draw(good())) if before else draw(good()))
    for _ in range(draw(st.integers(0, 4))):
        at, noise = draw(st.integers(0, len(data) - 1)), draw(st.binary(min_size=1, max_size=16))
        data[at : at + len(noise)] = noise
    cut = bytes(data[: len(data) - draw(st.integers(0, 2000))])
    return cut if before else pack(cut)


@st.composite
def other_json(draw: st.DrawFn) -> bytes:
    """The manifest or the config says something else."""
    image = TinyImage()
    members = image.members()
    name = draw(st.sampled_from([name for name in members if name.endswith(".json")]))
    entry = st.fixed_dictionaries({"Config": JSON | st.just(f"{image.id[7:]}.json"), "RepoTags": JSON, "Layers": JSON})
    text = draw(JSON | st.lists(entry, max_size=2))
    return tar_of(members | {name: json.dumps(text).encode()})


@st.composite
def hostile_headers(draw: st.DrawFn) -> bytes:
    """Members of any kind, name, target and size before a good archive."""
    buffer = io.BytesIO()
    for _ in range(draw(st.integers(1, 4))):
        header = tarfile.TarInfo(draw(HOSTILE))
        header.type, header.linkname, header.size = draw(KINDS), draw(HOSTILE), draw(SIZES)
        buffer.write(header.tobuf(draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])), errors="replace"))
        buffer.write(draw(st.binary(max_size=600)))
    return buffer.getvalue() + draw(good())


ARCHIVES = st.one_of(damaged(), other_json(), hostile_headers(), st.binary(max_size=4096))


class Watch:
    """Says what this process opens for writing, makes, renames, links or removes outside one folder."""

    EVENTS = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate")

    def __init__(self, folder: Path) -> None:
        self._folder, self.on, self.outside = str(folder), False, list[str]()

    def __call__(self, event: str, arguments: tuple) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not self.on or not (writes or event in self.EVENTS):
            return
        paths = [os.fspath(one) for one in arguments[:2] if isinstance(one, str | Path)]
        self.outside += [path for path in paths if path.startswith("/") and not path.startswith(self._folder)]


def reader(folder: Path) -> Callable[[bytes], None]:
    """Make what reads one archive with a store in *folder*, and holds it to the rules."""
    archive, store, watch = folder / "any.tar", LayerStore(folder / "layers"), Watch(folder)
    sys.addaudithook(watch)

    def check(data: bytes) -> None:
        archive.write_bytes(data)
        watch.on, watch.outside = True, []
        try:
            store.add(read_archive(archive, store))
        except BrokenArchive as error:
            assert str(error).startswith("images/any.tar: "), error
            raise
        finally:
            watch.on = False
            store.collect(set)
        assert not watch.outside, watch.outside

    return check


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        fuzz(__doc__, ARCHIVES, reader(Path(folder).resolve()))
