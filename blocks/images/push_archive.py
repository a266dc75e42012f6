"""The archive that an engine loads: composed while it is sent, never on a disk, and not larger than it must be."""

import json
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pool.records import Image

PIECE = 1 << 18  # bytes at a time: small, so that a limited bandwidth is shared evenly
BLOCK = tarfile.BLOCKSIZE


def compose(image: Image, tags: Iterable[str], config: bytes, layers: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Return the pieces of a ``docker load`` archive.

    Args:
        image: what the archive is of; the manifest names all its layers.
        tags: names that the engine gives it, such as "jupyter-minimal:latest".
        config: the text that the image's id is the digest of.
        layers: those that go along, as (diff id, file), plain or packed. The engine must have the others.
    """
    for diff_id, path in layers:
        with path.open("rb") as file:
            yield from _member(layer_name(diff_id), file, path.stat().st_size)
    yield from _text(config_name(image.id), config)
    yield from _text("manifest.json", _manifest(image, tags))
    yield bytes(2 * BLOCK)


def layer_name(diff_id: str) -> str:
    """Where a layer is in the archive."""
    return f"{diff_id.removeprefix('sha256:')}/layer.tar"


def config_name(image_id: str) -> str:
    """Where the config is in the archive."""
    return f"{image_id.removeprefix('sha256:')}.json"


def _manifest(image: Image, tags: Iterable[str]) -> bytes:
    layers = [layer_name(diff_id) for diff_id in image.layers]
    return json.dumps([{"Config": config_name(image.id), "RepoTags": list(tags), "Layers": layers}]).encode()


def _text(name: str, text: bytes) -> Iterator[bytes]:
    return _member(name, BytesIO(text), len(text))


def _member(name: str, content: BinaryIO, size: int) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    yield header.tobuf(tarfile.GNU_FORMAT)  # any size fits
    yield from iter(lambda: content.read(PIECE), b"")
    if rest := size % BLOCK:
        yield bytes(BLOCK - rest)
