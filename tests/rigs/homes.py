"""An engine whose containers hold a few files: what is read out of one, and what is put into another."""

import io
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from blocks.engine.client import HostEngine, _digest
from blocks.engine.containers.state import ContainerState
from blocks.engine.of_host import Engines
from pool import marks
from pool.backups.inventory import Inventory
from pool.blame import BAD_BLUEPRINT, CONTAINER_GONE, NAME_TAKEN
from pool.errors import EngineTrouble
from pool.records import ContainerSpec, Host, KeptWork
from tests.rigs.pool_data import NOW


@dataclass(frozen=True)
class HomeFile:
    """One file: what is in it, and whose it is."""

    content: bytes = b""
    uid: int = 1000
    gid: int = 1000
    mode: int = 0o644


@dataclass
class Home:
    """One container."""

    id: str
    spec: ContainerSpec | None = None
    status: str = "created"
    files: dict[str, HomeFile] = field(default_factory=dict)  # by path from the root, without the slash
    started_with: dict[str, HomeFile] = field(default_factory=dict)  # what was in it when its program started


def tar_of_home(files: dict[str, HomeFile], inside: str) -> bytes:
    """A tar as an engine makes it of one folder: names begin with the folder's own."""
    buffer, parent = io.BytesIO(), inside.rpartition("/")[0]
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, file in sorted(files.items()):
            info = tarfile.TarInfo(path.removeprefix(f"{parent}/" if parent else ""))
            info.size, info.uid, info.gid, info.mode = len(file.content), file.uid, file.gid, file.mode
            tar.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()


def files_of(tar: Iterable[bytes]) -> dict[str, HomeFile]:
    """The regular files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar))) as archive:
        return {
            info.name: HomeFile(file.read(), info.uid, info.gid, info.mode)
            for info in archive
            if info.isreg() and (file := archive.extractfile(info))
        }


FOLDER = b"41ed 0 0 4096 1 2 2020-01-05 08:00:00.0 +0000 2020-01-05 08:00:00.0 +0000"  # as a list has it


def _stamp(file: HomeFile) -> bytes:
    """As a list has it; the inode is of the content."""
    facts = f"{0o100000 | file.mode:x} {file.uid} {file.gid} {len(file.content)} {zlib.crc32(file.content)} 1"
    return f"{facts} 2020-01-05 08:00:00.0 +0000 2020-01-05 08:00:00.0 +0000".encode()


class HomeEngine(HostEngine):
    """Containers in memory."""

    def __init__(self) -> None:
        self.homes: dict[str, Home] = {}
        self._ids = count(1)

    def find(self, name: str) -> ContainerState | None:
        if name not in self.homes:
            return None
        home = self.homes[name]
        labels = {**home.spec.labels, marks.SPEC: _digest(home.spec)} if home.spec else {}
        return ContainerState(home.id, name, "", home.status, 0, labels)

    def stop(self, name: str, seconds: int) -> bool:
        if name in self.homes:
            self.homes[name].status = "exited"
        return name in self.homes

    def start(self, name: str) -> None:
        self._home(name).status = "running"

    def list_files(self, container: str, keep: KeptWork) -> tuple[Inventory, datetime] | None:
        """A file is another one where what is in it is."""
        files = self._home(container).files
        kept = {name: file for name, file in files.items() if any(f"/{name}".startswith(path) for path in keep.paths)}
        folders = {os.fsencode(path.strip("/")): FOLDER for path in keep.paths}
        return Inventory(folders | {os.fsencode(name): _stamp(file) for name, file in kept.items()}), NOW

    def run_inside(self, container: str, command: Sequence[str], seconds: float) -> int | None:
        """The command names what it does: `dump` writes a file, `fail` and `hang` do not, and there are no others."""
        home, codes = self._home(container), {"dump": 0, "fail": 3, "hang": None}
        if command[0] not in codes:
            raise EngineTrouble(f"exec: {command[0]}: not found", BAD_BLUEPRINT)
        if command[0] == "dump":
            home.files["home/dump"] = HomeFile(b"all of the database")
        return codes[command[0]]

    def remove(self, name: str) -> None:
        self.homes.pop(name, None)

    def _home(self, container: str) -> Home:
        """By name or id."""
        for name, home in self.homes.items():
            if container in (name, home.id):
                return home
        raise EngineTrouble(f"no such container: {container}", CONTAINER_GONE)

    def read_files(self, container: str, path: str) -> Iterator[bytes] | None:
        files = self._home(container).files
        inside = path.strip("/")
        chosen = {name: file for name, file in files.items() if f"{name}/".startswith(f"{inside}/")}
        return iter([tar_of_home(chosen, inside)]) if chosen else None

    def write_files(self, container: str, tar: Iterable[bytes]) -> None:
        home = self._home(container)
        home.files["home/half"] = HomeFile()  # what has come so far
        files = files_of(tar)
        del home.files["home/half"]
        home.files |= files

    def _create(self, spec: ContainerSpec) -> str:
        if spec.name in self.homes:
            raise EngineTrouble(f"the container name {spec.name} is already in use", NAME_TAKEN)
        self.homes[spec.name] = Home(f"id-{next(self._ids)}", spec)
        return self.homes[spec.name].id

    def _start(self, spec: ContainerSpec, container: str) -> None:
        home = self.homes[spec.name]
        assert home.id == container
        if home.status != "running":
            home.status, home.started_with = "running", dict(home.files)


class HomeEngines(Engines):
    """The same engine for every host, but for those that have one of their own."""

    def __init__(self, engine: HomeEngine, own: Mapping[str, HomeEngine]) -> None:
        self.engine, self.own = engine, own

    def of(self, host: Host) -> HomeEngine:
        return self.own.get(host.name, self.engine)
