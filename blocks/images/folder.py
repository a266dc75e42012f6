"""The folder ``images/``: the archives that a pool offers, and how they come to be there."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from blocks.engine.of_host import Engines
from blocks.images.archive import ArchiveInfo, LayerSink, read_archive
from blocks.images.build import archive_name, save_image
from blocks.images.growing import has_settled, is_being_written
from blocks.images.layer_store import LayerStore
from blocks.images.references import pull, split_reference
from blocks.stored.registry_login import RegistryCredentials
from pool.errors import BadRequest, BrokenArchive, NotFound, Refused

#: How names end of files that are on their way, and of notes beside archives; both are passed over.
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".temp", "~")
NOTES = (".txt", ".md", ".json", ".sha256", ".sha512", ".md5", ".asc", ".sig")


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


def scan(images_dir: Path, sink: LayerSink | None = None) -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
    """Every archive of the folder: the good ones, and the others as (file name, reason).

    Any file may be an archive, whatever its name ends with: what it is, its first bytes say. A file that is still being
    copied (a hidden or temporary name, changed in the last two seconds, or open for writing in any process of this
    machine) is left for the next scan. Files that did not change since this process scanned last are not read again.
    """
    good: list[ArchiveInfo] = []
    refused: list[tuple[str, str]] = []
    for path in _settled(images_dir):
        found = _remembered(path, sink, *_fingerprint(path))
        if isinstance(found, str):
            refused.append((path.name, found))
        elif reason := _name_taken(found, good):
            refused.append((path.name, reason))
        else:
            good.append(found)
    return good, refused


def stamp_of(path: Path) -> str:
    """Size and time of change of a file: another stamp, another content."""
    size, changed, _ = _fingerprint(path)
    return f"{size}-{changed}"


def stamps(images_dir: Path) -> dict[str, str]:
    """Return the stamp of every complete archive, by file name."""
    found = {}
    for path in _settled(images_dir):
        with suppress(FileNotFoundError):  # it went while we looked
            found[path.name] = stamp_of(path)
    return found


def _settled(images_dir: Path) -> list[Path]:
    """List complete archives, the oldest first: it keeps its name against a newer one."""
    ages = {path: age for path in images_dir.glob("*") if (age := _age_of_finished(path)) is not None}
    return sorted(ages, key=lambda path: (ages[path], path.name))


def _age_of_finished(path: Path) -> int | None:
    """When the archive was changed last, in nanoseconds; None when it is none, still being copied, or just went."""
    with suppress(FileNotFoundError):
        changed = path.stat().st_mtime_ns
        return changed if _may_be_archive(path) and has_settled(changed) and not is_being_written(path) else None
    return None


def _may_be_archive(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(".") and not name.endswith(UNFINISHED + NOTES) and path.is_file()


def growing(images_dir: Path) -> list[str]:
    """List the files that some process is still writing, by name."""
    return sorted(path.name for path in images_dir.glob("*") if _may_be_archive(path) and is_being_written(path))


def _fingerprint(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


@lru_cache(maxsize=1024)
def _remembered(path: Path, sink: LayerSink | None, size: int, mtime: int, inode: int) -> ArchiveInfo | str:  # noqa: ARG001 - they are the key
    try:
        return read_archive(path, sink)
    except BrokenArchive as error:
        return str(error)


def _name_taken(found: ArchiveInfo, good: list[ArchiveInfo]) -> str:
    for other in good:
        if other.image_id != found.image_id and (shared := set(other.names) & set(found.names)):
            return f"images/{found.path.name}: the name {min(shared)} is that of another image, in {other.path.name}"
    return ""
