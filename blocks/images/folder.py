"""The folder ``images/``: the archives that a pool offers, and how they come to be there."""

from pathlib import Path

from blocks.engine.of_host import Engines
from blocks.images.archive import ArchiveInfo, growing, read_archive, scan, stamp_of, stamps
from blocks.images.build import archive_name, save_image
from blocks.images.growing import is_being_written
from blocks.images.layer_store import LayerStore
from blocks.images.references import pull, split_reference
from blocks.stored.registry_login import RegistryCredentials
from pool.errors import BadRequest, NotFound, Refused


class ImageFolder:
    """Archives of images, their layers kept in the layer store."""

    def __init__(self, directory: Path, layers: LayerStore, engines: Engines) -> None:
        self.directory, self._layers, self._engines = directory, layers, engines

    def scan(self) -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
        """Read every archive: the good ones, and the others as (file name, reason)."""
        return scan(self.directory, self._layers)

    def growing(self) -> list[str]:
        """List the archives that are still being written, by name: they are read once they are complete."""
        return growing(self.directory)

    def stamps(self) -> dict[str, str]:
        """Return the stamp of every complete archive, by file name: another stamp, another content."""
        return stamps(self.directory)

    def stamp(self, archive: ArchiveInfo) -> str:
        """Return the stamp of one archive."""
        return stamp_of(archive.path)

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return bool(name) and (self.directory / name).is_file()

    def read(self, name: str) -> ArchiveInfo:
        """Read and check one archive.

        Raises:
            BadRequest: the name is no file name.
            NotFound: there is no such archive.
            Refused: it is still being written.
            BrokenArchive: it is refused; the message says why.
        """
        if Path(name).name != name:
            raise BadRequest(f"{name!r} is no file name; archives are in {self.directory}")
        if not self.holds(name):
            raise NotFound(f"there is no archive images/{name}; copy it there first")
        if is_being_written(self.directory / name):
            raise Refused(f"images/{name} is still being written: add it once it is complete")
        return read_archive(self.directory / name, self._layers)

    def pull(self, reference: str, credentials: RegistryCredentials | None) -> str:
        """Have the manager's engine pull a reference; returns the digest of its manifest."""
        return pull(self._engines.local(), reference, credentials)

    def save(self, reference: str) -> ArchiveInfo:
        """Save an image of the manager's engine as an archive, and read it."""
        name = ":".join(split_reference(reference))
        return read_archive(save_image(self._engines.local(), name, self.directory), self._layers)

    def holds_reference(self, reference: str) -> bool:
        """Whether there is an archive of this reference."""
        return self.holds(archive_name(reference))

    def delete(self, name: str) -> None:
        """Delete an archive; absent is success."""
        (self.directory / name).unlink(missing_ok=True)
