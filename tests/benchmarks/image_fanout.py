"""An image to four hosts: ours, ``docker save | ssh docker load``, and a registry beside the manager.

One run, alternating, same hosts: ``make bench NAME=image_fanout JSON=file``. Bytes are those of the wire to the hosts,
with all headers. Each is timed from where the manager has the image: ours in its layer store, the others in its engine;
what it took to get it there from an archive is under ``taken_in_seconds``, and counted on both sides in the figures
``…_with_taking_in``. The registry's hosts pull without TLS.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.stored.authority import CertificateAuthority
from tests.rigs.engines.engine import some_engine
from tests.rigs.engines.light_host import LightHost, light_host
from tests.rigs.engines.registry import running_registry
from tests.rigs.engines.ssh_server import ssh_server, unpack_ssh_server

HOSTS = 4
NAME = "dd-bench-fanout"
TOP_BYTES = 6_000_000
READ_BYTES = 1_000_000  # of an archive at once
INSECURE = "--insecure-registry 10.231.0.0/16"
WAYS = ("ours", "save", "registry")


@dataclass(frozen=True)
class Push:
    """One push of one image to all hosts."""

    seconds: float
    bytes: int


@dataclass(frozen=True)
class Version:
    """One version of the image: its archive, its id, and the size of its top layer as gzip -6 packs it."""

    tag: str
    archive: Path
    id: str
    top: int


def main() -> None:
    """Measure, print, and write the figures when asked to."""
    options = _options()
    with bench(options) as runs:
        pushes: dict[str, list[tuple[Push, Push]]] = {way: [] for way in WAYS}
        for number in range(options.rounds):
            for way in WAYS:
                pushes[way].append(runs.first_and_delta(way))
                print(f"round {number + 1}, {way}: {pushes[way][-1]}", flush=True)
        figures = _figures(pushes, runs)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--megabytes", type=int, default=500, help="size of the image")
    return parser.parse_args()


def _figures(pushes: dict[str, list[tuple[Push, Push]]], runs: "Runs") -> dict[str, Any]:
    def median(way: str, which: int, what: str) -> float:
        return statistics.median(getattr(pair[which], what) for pair in pushes[way])

    first = {way: (median(way, 0, "seconds"), median(way, 0, "bytes")) for way in WAYS}
    delta = {way: (median(way, 1, "seconds"), median(way, 1, "bytes")) for way in WAYS}
    return {
        "first_time_vs_save": round(first["ours"][0] / first["save"][0], 3),
        "first_bytes_vs_save": round(first["ours"][1] / first["save"][1], 3),
        "first_time_vs_registry": round(first["ours"][0] / first["registry"][0], 3),
        "delta_bytes_per_layer_byte": round(delta["ours"][1] / HOSTS / runs.new.top, 3),
        "delta_time_vs_registry": round(delta["ours"][0] / delta["registry"][0], 3),
        "manager_peak_mb": round(runs.peak_mb, 1),
        **_with_taking_in(first, delta, runs),
        "taken_in_seconds": {who: [round(one, 2) for one in seconds] for who, seconds in runs.taken_in.items()},
        "seconds": {way: {"first": round(first[way][0], 2), "delta": round(delta[way][0], 2)} for way in WAYS},
        "megabytes": {
            way: {"first": round(first[way][1] / 1e6, 1), "delta": round(delta[way][1] / 1e6, 1)} for way in WAYS
        },
    }


def _with_taking_in(first: dict, delta: dict, runs: "Runs") -> dict[str, float]:
    """The times again, each from an archive on the manager's disk."""
    ours = [statistics.median(runs.taken_in["ours"][which::2]) for which in (0, 1)]

    def ratio(times: dict, which: int, other: str) -> float:
        return round((times["ours"][0] + ours[which]) / (times[other][0] + runs.taken_in["engine"][which]), 3)

    return {
        "first_time_vs_save_with_taking_in": ratio(first, 0, "save"),
        "first_time_vs_registry_with_taking_in": ratio(first, 0, "registry"),
        "delta_time_vs_registry_with_taking_in": ratio(delta, 1, "registry"),
    }


class Runs:
    """The three ways, on the same hosts."""

    def __init__(
        self,
        work: Path,
        hosts: list[LightHost],
        logins: list[list[str]],
        engine_url: str,
        versions: list[Version],
    ) -> None:
        self.work, self.hosts, self.logins, self.engine_url = work, hosts, logins, engine_url
        self.old, self.new = versions
        self.taken_in: dict[str, list[float]] = {"ours": [], "engine": []}
        self.peak_mb = 0.0

    def first_and_delta(self, way: str) -> tuple[Push, Push]:
        """All hosts empty: the old version, then the new one, of which only the top layer differs."""
        self._empty()
        with ExitStack() as stack:
            push = getattr(self, way)(stack)
            return self._timed(push, self.old), self._timed(push, self.new)

    def ours(self, stack: ExitStack) -> Callable[[Version], float]:
        layers = stack.enter_context(tempfile.TemporaryDirectory(dir=self.work))
        hosts = [(host.address, host.identity) for host in self.hosts]

        def push(version: Version) -> float:
            with multiprocessing.get_context("spawn").Pool(1) as process:
                taken_in, seconds, peak = process.apply(push_ours, (hosts, version.archive, Path(layers)))
            self.peak_mb = max(self.peak_mb, peak)
            self.taken_in["ours"].append(taken_in)
            return seconds

        return push

    def save(self, _stack: ExitStack) -> Callable[[Version], float]:
        def one(version: Version, login: list[str], host: LightHost) -> None:
            load = [*login, f"docker -H unix://{host.root}/docker.sock load -q"]
            save = ["docker", "-H", self.engine_url, "save", f"{NAME}:{version.tag}"]
            _run(["bash", "-o", "pipefail", "-c", f"{shlex.join(save)} | {shlex.join(load)}"])

        return lambda version: _seconds(lambda: self._together(lambda *args: one(version, *args)))

    def registry(self, stack: ExitStack) -> Callable[[Version], float]:
        port = stack.enter_context(
            running_registry(Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.work))))
        )

        def push(version: Version) -> None:
            name = f"127.0.0.1:{port}/{NAME}:{version.tag}"
            _run(["docker", "-H", self.engine_url, "tag", f"{NAME}:{version.tag}", name])
            _run(["docker", "-H", self.engine_url, "push", "-q", name])
            _run(["docker", "-H", self.engine_url, "rmi", name])
            self._together(lambda _, host: self._pull(host, f"{host.gateway}:{port}/{NAME}:{version.tag}"))

        return lambda version: _seconds(lambda: push(version))

    def _pull(self, host: LightHost, name: str) -> None:
        _run(["docker", "-H", f"unix://{host.root}/docker.sock", "pull", "-q", name])

    def _together(self, one: Callable[[list[str], LightHost], None]) -> None:
        with ThreadPoolExecutor(HOSTS) as pool:
            list(pool.map(one, self.logins, self.hosts))

    def _timed(self, push: Callable[[Version], float], version: Version) -> Push:
        before = sum(host.received() for host in self.hosts)
        seconds = push(version)
        assert all(version.id in host.engine.image_ids() for host in self.hosts), "a host lacks the image"
        return Push(seconds, sum(host.received() for host in self.hosts) - before)

    def _empty(self) -> None:
        for host in self.hosts:
            with host.engine.client("clean up") as client:
                for image in host.engine.image_ids():
                    client.remove_image(image, force=True)
        os.sync()  # what one way left to write is not to slow the next


def push_ours(hosts: list, archive: Path, layers: Path) -> tuple[float, float, float]:
    """In a process of its own, as a flow run is: seconds to take it in and to send it, and its peak of memory in MB."""
    import flows.images.distribute_images  # noqa: F401, PLC0415 - what a run of the pipeline has in memory
    from blocks.images.archive import read_archive  # noqa: PLC0415
    from blocks.images.layer_store import LayerStore  # noqa: PLC0415
    from blocks.images.push import HostPush  # noqa: PLC0415
    from pool.records import Image  # noqa: PLC0415

    start, store = time.monotonic(), LayerStore(layers)
    found = read_archive(archive, store)
    store.add(found)
    taken_in = time.monotonic()
    image = Image("main", found.names[0], found.image_id, found.size, found.layers)

    def one(address: str, identity: EngineIdentity) -> None:
        HostPush(HostEngine.connect(address, identity), address, store).push(image, found.names)

    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(lambda host: one(*host), hosts))
    return taken_in - start, time.monotonic() - taken_in, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def bench(options: argparse.Namespace) -> Iterator[Runs]:
    """Hosts, ssh servers and two versions of an image; all of it goes afterwards."""
    work = Path(tempfile.mkdtemp(prefix="fanout-"))
    authority = CertificateAuthority.create("benchmark")
    try:
        with ExitStack() as stack:
            versions = make_versions(work, options.megabytes * 1_000_000)
            engine_url = stack.enter_context(some_engine())
            stack.callback(forget, HostEngine.local(engine_url), versions)
            manager = HostEngine.local(engine_url)
            loads = [_seconds(partial(_load, manager, version.archive)) for version in versions]
            unpack_ssh_server(work)
            hosts = [stack.enter_context(light_host(authority, options=INSECURE)) for _ in range(HOSTS)]
            logins = [stack.enter_context(ssh_server(host, work)) for host in hosts]
            runs = Runs(work, hosts, logins, engine_url, versions)
            runs.taken_in["engine"] = loads
            yield runs
    finally:
        shutil.rmtree(work)


def make_versions(work: Path, size: int) -> list[Version]:
    """Two images of files of this machine, as real ones are: the same three layers, and a small one on top."""
    files = (path for path in sorted(Path("/usr").rglob("*")) if path.is_file() and not path.is_symlink())
    base = [_layer(work / f"layer-{number}.tar", files, (size - TOP_BYTES) // 3) for number in range(3)]
    tops = [_layer(work / f"top-{number}.tar", files, TOP_BYTES) for number in range(2)]
    return [_version(work, str(number), [*base, top]) for number, top in enumerate(tops, start=1)]


def _layer(path: Path, files: Iterator[Path], size: int) -> Path:
    with tarfile.open(path, "w") as layer:
        while layer.offset < size:
            file = next(files)
            if file.stat().st_size < size - layer.offset + 500_000:
                layer.add(file, arcname=str(file).lstrip("/"))
    return path


def _version(work: Path, tag: str, layers: list[Path]) -> Version:
    diff_ids = [_digest(path) for path in layers]
    config = work / f"config-{tag}.json"
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{diff_id}" for diff_id in diff_ids]}
    config.write_text(json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}))
    image_id, names = _digest(config), [f"{diff_id}/layer.tar" for diff_id in diff_ids]
    manifest = work / f"manifest-{tag}.json"
    manifest.write_text(json.dumps([{"Config": f"{image_id}.json", "RepoTags": [f"{NAME}:{tag}"], "Layers": names}]))
    archive = work / f"{tag}.tar"
    with tarfile.open(archive, "w") as tar:
        for name, path in zip(names, layers, strict=True):
            tar.add(path, arcname=name)
        tar.add(config, arcname=f"{image_id}.json")
        tar.add(manifest, arcname="manifest.json")
    return Version(tag, archive, f"sha256:{image_id}", len(zlib.compress(layers[-1].read_bytes(), 6)))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def forget(engine: HostEngine, versions: list[Version]) -> None:
    """Remove the image from the manager's engine."""
    with engine.client("clean up") as client:
        for version in versions:
            if version.id in engine.image_ids():
                client.remove_image(version.id, force=True)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _load(manager: HostEngine, archive: Path) -> None:
    with archive.open("rb") as file:
        manager.load(iter(partial(file.read, READ_BYTES), b""))


def _seconds(step: Callable[[], object]) -> float:
    start = time.monotonic()
    step()
    return time.monotonic() - start


if __name__ == "__main__":
    main()
