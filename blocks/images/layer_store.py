"""The layers of all wanted images on the manager, each kept once.

Below its directory: ``<digest>.tar.zst``, a layer by its diff id; ``<digest>.tar.gz``, the same for engines that take
no zstd, made when the first of them asks; ``<digest>.json``, an image's config by its id. Several processes use one
store at once.
"""

import fcntl
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.images.archive import ArchiveInfo, each_layer
from blocks.images.layer_files import SUFFIXES, Content, atomic_write, locked, pack_layer, repack_layer
from blocks.images.stream import Compression, Stream
from pool.errors import BrokenArchive, DockerDriverError, NotFound

_CONFIG = ".json"


@dataclass(frozen=True)
class Usage:
    """What a store holds."""

    layers: int
    bytes: int  # on disk, both forms and the configs


@dataclass(frozen=True)
class LayerStore:
    """Layers by diff id, configs by image id. Made when it is first used."""

    directory: Path

    def add(self, archive: ArchiveInfo) -> int:
        """Keep the config and the layers of an archive that are not there yet.

        Returns:
            How many layers were not there.

        Raises:
            BrokenArchive: the archive changed since it was checked.
            DockerDriverError: the disk is full.
        """
        with _disk_errors(self.directory), self.reading():
            wanted = {diff_id for diff_id in archive.layers if not self.has(diff_id)}
            if wanted:
                self._keep_layers(archive, wanted)
            self._keep_config(archive)
        return len(wanted)

    def has(self, diff_id: str) -> bool:
        """Whether the layer is here."""
        return self._layer(diff_id).exists()

    def holds(self, image_id: str, layers: Iterable[str]) -> bool:
        """Whether the image's config and all its layers are here."""
        return self._path(image_id, _CONFIG).exists() and all(map(self.has, layers))

    def keep(self, diff_id: str, content: Content) -> None:
        """Read a layer to its end and keep it, packed.

        Raises:
            BrokenArchive: the content is not what *diff_id* names; nothing is kept.
            DockerDriverError: the disk is full.
        """
        with _disk_errors(self.directory), self.reading():
            pack_layer(content, diff_id, self._layer(diff_id), Compression.ZSTD)

    def config(self, image_id: str) -> bytes:
        """Return the text that the image's id is the digest of.

        Raises:
            NotFound: the store does not have it.
        """
        try:
            return self._path(image_id, _CONFIG).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"image {image_id[:19]} is not in the layer store; is its archive gone?") from error

    def packed(self, diff_id: str, compression: Compression) -> Path:
        """Return a layer's file in this form. Hold `reading` for as long as it is read.

        Raises:
            NotFound: the store does not have the layer.
            BrokenArchive: the disk has damaged it; it is deleted.
        """
        layer, wanted = self._layer(diff_id), self._layer(diff_id, compression)
        if not wanted.exists():
            if not layer.exists():
                raise NotFound(f"layer {diff_id[:19]} is not in the layer store; is its archive gone?")
            self._repack(diff_id, wanted, compression)
        return wanted

    def size(self, diff_id: str) -> int:
        """Bytes that the layer takes when it travels, as far as is known; 0 when it is not there."""
        files = (self._layer(diff_id, Compression.GZIP), self._layer(diff_id))
        return next((path.stat().st_size for path in files if path.exists()), 0)

    def kept_size(self, diff_id: str) -> int:
        """Bytes that the layer takes here, packed with zstd; 0 when it is not there."""
        return self._layer(diff_id).stat().st_size if self.has(diff_id) else 0

    def usage(self) -> Usage:
        """Count the store's files and bytes."""
        files = [path for path in self.directory.glob("[!.]*") if path.is_file()]
        layers = sum(path.name.endswith(SUFFIXES[Compression.ZSTD]) for path in files)
        return Usage(layers, sum(path.stat().st_size for path in files))

    def collect(self, wanted: Callable[[], Collection[str]]) -> int:
        """Prune what no wanted image has, and what a crashed writer left; nothing while a process reads or writes.

        Args:
            wanted: asked when the store is at rest: ids of images, and diff ids of their layers.

        Returns:
            How many files were deleted; 0 when the store is in use, until the next time.
        """
        with locked(self._lock("store"), fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
            if not alone:
                return 0
            keep = {_hex(digest) for digest in wanted()}
            unwanted = [path for path in self.directory.iterdir() if path.name.split(".")[0] not in keep]
            return sum(map(_delete, unwanted))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the store from being pruned in the meantime."""
        with locked(self._lock("store"), fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold the lock of this name; wait for any thread or process that has it."""
        with locked(self._lock(name), fcntl.LOCK_EX):
            yield

    def _keep_layers(self, archive: ArchiveInfo, wanted: Collection[str]) -> None:
        def keep(diff_id: str, content: Stream) -> None:
            if diff_id in wanted:
                self.keep(diff_id, content)

        each_layer(archive, keep)
        if absent := [diff_id for diff_id in wanted if not self.has(diff_id)]:
            raise BrokenArchive(f"images/{archive.path.name}: the layer {absent[0][:19]}… is not in it any more")

    def _keep_config(self, archive: ArchiveInfo) -> None:
        target = self._path(archive.image_id, _CONFIG)
        if not target.exists():
            with atomic_write(target) as file:
                file.write(archive.config)

    def _repack(self, diff_id: str, target: Path, compression: Compression) -> None:
        """Once, however many hosts wait for it."""
        with self.exclusive("packing"), _disk_errors(self.directory):
            if not target.exists():
                try:
                    repack_layer(self._layer(diff_id), diff_id, target, compression)
                except BrokenArchive:
                    self._layer(diff_id).unlink()  # the next reading of the catalogue keeps it anew
                    raise

    def _layer(self, diff_id: str, compression: Compression = Compression.ZSTD) -> Path:
        return self._path(diff_id, SUFFIXES[compression])

    def _path(self, digest: str, suffix: str) -> Path:
        return self.directory / (_hex(digest) + suffix)

    def _lock(self, name: str) -> Path:
        locks = self.directory / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        return locks / name


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _delete(path: Path) -> bool:
    if not path.is_file():
        return False
    path.unlink()
    return True


@contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    """Give what the disk refuses a sentence."""
    try:
        yield
    except OSError as error:
        raise DockerDriverError(f"the layer store {directory} cannot be written: {error.strerror}") from error
