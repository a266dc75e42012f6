"""Image archives as `docker save` writes them: read, checked and refused without unpacking anything to disk.

An archive is one tar, plain or packed with gzip, zstd, xz or bzip2. It holds ``manifest.json``, one config per image
and the layers, under the names of the old layout (``<id>/layer.tar``) or of an OCI layout (``blobs/sha256/…``).
"""

import hashlib
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from blocks.images.members import Members, each_file, list_members, read_members
from blocks.images.stream import CHUNK, Compression, Stream, compression_of, part_of
from pool.errors import BadRequest, BrokenArchive
from pool.images.names import read_name
from pool.printable import escaped, how_many

LAYERS_AT_ONCE = 4  # that are read and packed; hashing and packing need no interpreter lock
OTHER_LAYER = "it is not the one that the config names"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ArchiveInfo:
    """One image in one archive, checked: its config and every layer are there and are what they are named."""

    path: Path
    names: tuple[str, ...]  # as blueprints call it: without ":latest"
    image_id: str  # "sha256:…", digest of the config
    layers: tuple[str, ...]  # diff ids, base first
    size: int  # bytes of the file
    compression: Compression
    labels: Mapping[str, str] = field(default_factory=dict)  # of the image
    config: bytes = field(default=b"", repr=False, compare=False)  # that the id is the digest of
    files: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)  # member of a layer: diff id


@contextmanager
def _archive_errors(path: Path) -> Iterator[None]:
    """Give every complaint the archive's name, as the operator sees it."""
    try:
        yield
    except BrokenArchive as error:
        raise BrokenArchive(f"images/{path.name}: {escaped(str(error))}") from error
    except OSError as error:
        raise BrokenArchive(f"images/{path.name}: cannot be read: {error.strerror}") from error


class LayerSink(Hashable, Protocol):
    """Where layers are kept, by diff id; each that is there was verified when it was put there."""

    def has(self, diff_id: str) -> bool:
        """Whether the layer is there."""

    def keep(self, diff_id: str, content: Stream) -> None:
        """Read a layer to its end and keep it.

        Raises:
            BrokenArchive: the content is not what *diff_id* names.
        """


class _NoSink:
    """Verifies layers and keeps none."""

    def has(self, _diff_id: str) -> bool:
        return False

    def keep(self, diff_id: str, content: Stream) -> None:
        digest = hashlib.sha256()
        while data := content.read(CHUNK):
            digest.update(data)
        if f"sha256:{digest.hexdigest()}" != diff_id:
            raise BrokenArchive(OTHER_LAYER)


def read_archive(path: Path, sink: LayerSink | None = None) -> ArchiveInfo:
    """Check all that the engine will rely on, in an archive that is read once.

    Of a plain archive the layers that *sink* has are passed over, and those that it lacks are put there, several at a
    time. An archive that is packed is read from end to end, and *sink* is left as it is.

    Raises:
        BrokenArchive: "images/foo.tar: …": it is truncated, no image archive, has a member that points outside or a
            digest that is wrong, unpacks to an absurd size, or holds more or less than one image with a name.
    """
    with _archive_errors(path):
        members, compression = _members(path)
        manifest = _manifest(members)
        text, image_id, config = _config(members, _text(manifest, "Config"))
        diff_ids = _diff_ids(config)
        _check_system(config)
        names = tuple(dict.fromkeys(_tags(manifest)))
        files = _checked_layers(path, members, manifest, diff_ids, sink or _NoSink())
        size, labels = path.stat().st_size, _labels(config)
        return ArchiveInfo(path, names, image_id, diff_ids, size, compression, labels, text, files)


def _members(path: Path) -> tuple[Members, Compression]:
    with path.open("rb") as file:
        compression = compression_of(file)
        return (list_members(file) if compression is Compression.NONE else read_members(Stream(file))), compression


def each_layer(archive: ArchiveInfo, take: Callable[[str, Stream], None]) -> None:
    """Hand the layers of a checked archive to *take*, in the order of the file, each by its diff id and unpacked.

    The taker verifies each: the file may have changed since it was checked.

    Raises:
        BrokenArchive: the file is no such archive any more.
    """

    def pick(name: str, content: BufferedReader) -> None:
        if name in archive.files:
            take(archive.files[name], Stream(content))

    with _archive_errors(archive.path), archive.path.open("rb") as file:
        each_file(file if archive.compression is Compression.NONE else Stream(file), pick)


def _manifest(members: Members) -> dict:
    if "oci-layout" in members and "manifest.json" not in members:
        raise BrokenArchive("it is in OCI's layout alone; save it as docker does (podman save --format docker-archive)")
    manifest = members.json("manifest.json")
    if not isinstance(manifest, list) or not all(isinstance(entry, dict) for entry in manifest):
        raise BrokenArchive("manifest.json is not a list of images")
    if len(manifest) != 1:
        raise BrokenArchive(f"it holds {how_many(len(manifest), 'image')}; save one image per archive")
    return manifest[0]


def _tags(manifest: dict) -> list[str]:
    tags = manifest.get("RepoTags")
    if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) and "@" not in tag for tag in tags):
        raise BrokenArchive("its image has no name; save it by name, not by id")
    try:
        return [str(read_name(tag)) for tag in tags]
    except BadRequest as error:
        raise BrokenArchive(f"its image has a name that no engine takes: {error}") from error


def _text(manifest: dict, key: str) -> str:
    value = manifest.get(key)
    if not isinstance(value, str):
        raise BrokenArchive(f"manifest.json has no {key}")
    return value


def _config(members: Members, name: str) -> tuple[bytes, str, dict]:
    """Return the config's text, its digest (the image's id) and its content.

    Docker's layouts name it by its digest, which must be right then; some tools always call it ``config.json``.
    """
    found = members.find(name)
    if found.text is None:
        raise BrokenArchive(f"the config {name[:80]} is no JSON object")
    digest = found.digest
    promised = name.rsplit("/", 1)[-1].removesuffix(".json").removeprefix("sha256:")
    if HEX_DIGEST.fullmatch(promised) and digest != f"sha256:{promised}":
        raise BrokenArchive(f"the config {name[:80]} has the digest {digest[:19]}…, not the one that it is named by")
    config = members.json(name)
    if not isinstance(config, dict):
        raise BrokenArchive(f"the config {name[:80]} is no JSON object")
    return found.text, digest, config


def _diff_ids(config: dict) -> tuple[str, ...]:
    rootfs = config.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(isinstance(one, str) and DIGEST.fullmatch(one) for one in diff_ids):
        raise BrokenArchive("its config does not list its layers")
    return tuple(diff_ids)


def _check_system(config: dict) -> None:
    """Refuse what no host runs. Of which processor it is for, each host's engine is asked before it is sent."""
    system = config.get("os") or "linux"
    if system != "linux":
        raise BrokenArchive(f"its image is made for {str(system)[:20]}; hosts run Linux")


def _labels(config: dict) -> Mapping[str, str]:
    runs = config.get("config")
    labels = runs.get("Labels") if isinstance(runs, dict) else None
    return labels if isinstance(labels, dict) else {}


def _checked_layers(
    path: Path, members: Members, manifest: dict, diff_ids: tuple[str, ...], sink: LayerSink
) -> dict[str, str]:
    """Return the members that hold the layers, and the diff id of each."""
    layers = manifest.get("Layers")
    if not isinstance(layers, list) or len(layers) != len(diff_ids):
        raise BrokenArchive("manifest.json and the config do not list the same layers")
    if not all(isinstance(name, str) for name in layers):
        raise BrokenArchive("manifest.json names a layer that is no text")
    pairs = {(members.resolve(name), diff_id) for name, diff_id in zip(layers, diff_ids, strict=True)}
    with ThreadPoolExecutor(LAYERS_AT_ONCE) as pool:
        list(pool.map(lambda pair: _check_layer(path, members, pair[0], pair[1], sink), pairs))
    return dict(pairs)


def _check_layer(path: Path, members: Members, name: str, diff_id: str, sink: LayerSink) -> None:
    member = members.find(name)
    try:
        if member.place is None and member.diff_id != diff_id:
            raise BrokenArchive(OTHER_LAYER)
        if member.place and not sink.has(diff_id):
            sink.keep(diff_id, Stream(part_of(path, *member.place)))
    except BrokenArchive as error:
        raise BrokenArchive(f"the layer {name[:80]} ({diff_id[:19]}…) is refused: {error}") from error
