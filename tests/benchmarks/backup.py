"""A home backed up, changed a little, backed up again and brought back, against `docker cp | zstd` on the same engine.

A home of 1 GB in 20,000 files, half of it random. Beside it, what no manager can take away: restic alone, from a tar on
the disk and back to nowhere, without an engine, against the same peer. Run as root: `make bench NAME=backup`.
"""

import argparse
import io
import json
import os
import random
import resource
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from blocks.backups import noting
from blocks.backups.changes_tar import changes_tar
from blocks.backups.digest import checked
from blocks.backups.restic import MEMORY, ResticRepository
from blocks.backups.whole import whole
from blocks.backups.work_tar import Counted, for_owner, kept_tar
from blocks.engine.client import HostEngine
from blocks.stored.authority import CertificateAuthority
from blocks.stored.backup_store import BackupPlace
from pool.backups.backup import Backup
from pool.backups.changes import Noted, base_of, changes_since, is_worth_it
from pool.backups.inventory import Inventory
from pool.backups.states import BackupCause, BackupState
from pool.records import ContainerSpec, KeptWork
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.fakes import FakeBlocks, FakePlaces

KEEP = KeptWork(("/home/jovyan",))
CHANGED = 100  # of so many files one
NOW = datetime(2026, 1, 5, tzinfo=UTC)
KB = 1024


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--files", type=int, default=20_000, help="files of the home, 50 KB each")
    arguments = parser.parse_args()
    figures = measure(arguments.files)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(files: int) -> dict:
    """Seconds of each step of ours and of the peer's, and what follows."""
    with light_host(CertificateAuthority.create("bench")) as host, tempfile.TemporaryDirectory() as name:
        folder, meter = Path(name), Meter(host.root)
        image = busybox_image("home", ("sleep", "9999"), {"home/jovyan/begin": b""})
        host.engine.load([image.archive()])
        containers = enumerate(("source", "peer", "ours"), 20001)  # each way back is into one that was never filled
        source, peers, target = (made(host.engine, image.id, name, port) for port, name in containers)
        host.engine.write_files(source, home(range(files), 1))
        ours, socket = Ours(host.engine, folder), f"unix://{host.root}/docker.sock"
        meter.run("repository_made", ours.make)  # once in an installation
        meter.run("tar", lambda: copy_out(socket, source, folder / "home.tar.zst"))
        meter.run("first_write", lambda: ours.write(source))
        meter.run("first_read_back", lambda: ours.read_back_beside_a_list(source))
        meter.run("first_note", lambda: ours.note(source))
        host.engine.write_files(source, home(range(0, files, CHANGED), 2))
        meter.run("again_write", lambda: ours.write_changes(source))
        meter.run("again_read_back", ours.read_back)
        meter.run("tar_restore", lambda: copy_in(socket, peers, folder / "home.tar.zst"))
        meter.run("restore", lambda: ours.bring_back(target))
        peaks = {"own": peak(resource.RUSAGE_SELF), "largest_child": peak(resource.RUSAGE_CHILDREN)}
        try_restic_alone(meter, folder)
        return ratios(meter) | {"manager_peak_mb": peaks, "repository_mb": size_mb(folder / "backups")}


class Meter:
    """What each step takes, by the clock and of processors, the engine's too: others' work changes that the least."""

    def __init__(self, engine: Path) -> None:
        self.seconds, self.cpu_seconds, self._engine = dict[str, float](), dict[str, float](), str(engine)

    def run(self, name: str, step: Callable[[], None]) -> None:
        """Measure a step."""
        begin, cpu = time.monotonic(), self._cpu()
        step()
        self.seconds[name] = round(time.monotonic() - begin, 2)
        self.cpu_seconds[name] = round(self._cpu() - cpu, 2)

    def add_up(self, name: str) -> None:
        """Take together the steps whose names begin so."""
        for taken in (self.seconds, self.cpu_seconds):
            taken[name] = round(sum(value for step, value in taken.items() if step.startswith(f"{name}_")), 2)

    def _cpu(self) -> float:
        """Of this process, its children that have ended, and all whose command line names the engine's folder."""
        usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        return ours + sum(map(self._of_engine, Path("/proc").glob("[0-9]*"))) / os.sysconf("SC_CLK_TCK")

    def _of_engine(self, process: Path) -> int:
        try:
            if self._engine not in (process / "cmdline").read_text():
                return 0
            return sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:  # it has ended
            return 0


def ratios(meter: Meter) -> dict:
    """What follows from the steps."""
    for name in ("first", "again", "restic"):
        meter.add_up(name)
    took, cpu = meter.seconds, meter.cpu_seconds
    return {
        "seconds": took,
        "cpu_seconds": cpu,
        "first_vs_tar": round(took["first"] / took["tar"], 2),
        "first_vs_tar_cpu": round(cpu["first"] / cpu["tar"], 2),
        "again_seconds_vs_first": round(took["again"] / took["first"], 2),
        "restore_vs_tar": round(took["restore"] / took["tar_restore"], 2),
        "restore_vs_tar_cpu": round(cpu["restore"] / cpu["tar_restore"], 2),
        "restic_alone_vs_tar": round(took["restic"] / took["tar"], 2),
    }


class Ours:
    """What the product does, without its records: write, read back, note, write what changed, bring back."""

    def __init__(self, engine: HostEngine, folder: Path) -> None:
        blocks = FakeBlocks({BackupPlace: {"main": BackupPlace.create()}})
        self._engine = engine
        self._repository = ResticRepository(blocks, folder / "backups", "bench", FakePlaces())
        self._made: dict[str, Backup] = {}
        self._listed = Inventory({})

    def make(self) -> None:
        """Until there is a repository."""
        self._repository.write("begin", [b"0"])

    def write(self, container: str) -> None:
        """Until all of it is in the repository."""
        self._keep(kept_tar(partial(self._engine.read_files, container), KEEP))

    def read_back(self) -> None:
        """Until it counts."""
        backup = self._made[max(self._made)]
        for _chunk in checked(self._repository.read(backup.snapshot), backup):
            pass

    def read_back_beside_a_list(self, container: str) -> None:
        """Until it counts; what the container has is listed meanwhile, as the flow of a backup does it."""
        with ThreadPoolExecutor() as beside:
            listing = beside.submit(self._inventory, container)
            self.read_back()
            self._listed = listing.result()

    def note(self, container: str) -> None:
        """Until the container has what the next backup is compared with."""
        noted = Noted(max(self._made), NOW, links=False, inventory=self._listed)
        self._listed = Inventory({})
        self._engine.write_files(container, [noting.packed(noted)])

    def write_changes(self, container: str) -> None:
        """Until what changed is in the repository."""
        read = partial(self._engine.read_files, container)
        noted = noting.unpacked(read(noting.PATH))
        assert noted, "it was noted before"
        base = base_of(noted, self._made.values(), NOW)
        changes = changes_since(noted.inventory, self._inventory(container))
        if not base or not changes or not is_worth_it(changes, noted.links, base, 0):
            raise SystemExit("it is not worth to write what changed alone: the home is too small, or all of it changed")
        self._keep(changes_tar(read, KEEP, changes, Counted()), base.id)

    def _inventory(self, container: str) -> Inventory:
        listed = self._engine.list_files(container, KEEP)
        assert listed, "the engine lists the files of a container that runs"
        return listed[0]

    def bring_back(self, container: str) -> None:
        """Into a container that never ran, as a session begins."""
        backup, get = self._made[max(self._made)], self._made.__getitem__
        self._engine.write_files(container, whole(self._repository, backup, get, for_owner(1000, 1001)))

    def _keep(self, tar: Iterator[bytes], base: str = "") -> None:
        written, name = self._repository.write("b", tar), f"home.{len(self._made)}"
        self._made[name] = Backup(
            name, "home", "main", "home", "", BackupCause.SCHEDULED, BackupState.VERIFIED, NOW, NOW,
            size=written.size, digest=written.digest, snapshot=written.snapshot, base=base,
        )  # fmt: skip


def made(engine: HostEngine, image: str, name: str, port: int) -> str:
    """Create a container that does not run."""
    return engine.prepare(ContainerSpec(f"dd-{name}", image, 8888, port, memory_mb=64, disk_mb=0))


def home(numbers: range, seed: int) -> Iterator[bytes]:
    """Make a tar of these files of a home."""
    for number in numbers:
        info, content = tarfile.TarInfo(f"home/jovyan/{number % 200}/{number}"), content_of(number, seed)
        info.size, info.uid, info.gid, info.mtime = len(content), 1000, 1000, 1_700_000_000 + seed
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(info, io.BytesIO(content))
        yield buffer.getvalue()[: -(-(512 + info.size) // 512) * 512]
    yield bytes(1024)


def content_of(number: int, seed: int) -> bytes:
    """Half random, half text."""
    return random.Random(number * 7 + seed).randbytes(25 * KB) + f"{number} and so on ".encode() * 1500


def copy_out(socket: str, container: str, file: Path) -> None:
    """Run the peer's way out."""
    shell(f"docker -H {socket} cp {container}:/home/jovyan - | zstd -q -f -o {file}")


def copy_in(socket: str, container: str, file: Path) -> None:
    """Run the peer's way back."""
    shell(f"zstd -q -d -c {file} | docker -H {socket} cp -a - {container}:/home")


def try_restic_alone(meter: Meter, folder: Path) -> None:
    """Have restic take the peer's tar, and read it back, with nothing around it."""
    settings = f"RESTIC_PASSWORD=bench GOGC={MEMORY['GOGC']}"
    restic, tar = f"{settings} restic -q --no-cache -r {folder}/alone", folder / "home.tar"
    shell(f"zstd -q -d -o {tar} {tar}.zst && {restic} init")
    meter.run("restic_write", lambda: shell(f"{restic} backup --stdin --stdin-filename work.tar < {tar}"))
    meter.run("restic_read_back", lambda: shell(f"{restic} dump latest work.tar > /dev/null"))


def size_mb(folder: Path) -> int:
    """Add up the sizes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) >> 20


def shell(command: str) -> None:
    """Run a pipe."""
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)


def peak(whose: int) -> int:
    """Return the largest resident size of a process, in MB."""
    return resource.getrusage(whose).ru_maxrss // KB


if __name__ == "__main__":
    main()
