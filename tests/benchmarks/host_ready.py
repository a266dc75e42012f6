"""How long from an accepted spawn until the host takes sessions: a bare image and a baked one, 1 and 4 at once.

Real flows in a process worker, on a cloud of this machine: ``make bench NAME=host_ready JSON=file``. Each figure is
from the first host's record until the last one is active, as the pool's database has it; ratios are of medians.
``--cloud local`` spawns system containers directly, ``--cloud openstack`` through Nova and Glance.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.port import Cloud
from pool.records import Host
from pool.states import HostState
from pool.store.pool_store import PoolStore
from runtime.builds.host_image import build_host_image
from runtime.builds.notebook_image import build_notebook_image
from tests.rigs.engines.engine import some_engine
from tests.rigs.hosts.clouds import emptied
from tests.rigs.openstack.rig import OpenStackRig
from tests.rigs.services.prefect_server import ROOT, PrefectServer, stop
from tests.rigs.waiting import until

DATA = ROOT / "build" / "bench-host-ready"  # the notebook image is kept between runs
NAMESPACE = "dd-bench-hosts"
AT_ONCE = 4
SECONDS = 1800  # for anything; a busy machine is slow
KINDS = ("baked", "bare")
PROVISION = (
    "import sys; from runtime.stack.registration import offer_host_image, provision;"
    "provision(sys.argv[1], sys.argv[2]); sys.argv[3] and offer_host_image(sys.argv[3])"
)


def main() -> None:
    """Measure and tell."""
    options = _options()
    with bench(options.cloud) as pool:
        tell(measure(pool, options.rounds), options.json)


def tell(seconds: dict[tuple[str, int], float], json_file: Path | None) -> None:
    """Print a table, and write the ratios when asked to."""
    print(f"\n{'seconds until active':22}{'1 host':>10}{f'{AT_ONCE} at once':>12}")
    for kind in sorted(KINDS):
        print(f"{kind:22}{seconds[kind, 1]:10.1f}{seconds[kind, AT_ONCE]:12.1f}")
    figures = ratios(seconds)
    print(json.dumps(figures, indent=2), flush=True)
    if json_file:
        json_file.write_text(json.dumps(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file for the ratios")
    parser.add_argument("--cloud", choices=("local", "openstack"), default="local")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured")
    return parser.parse_args()


def measure(pool: "Pool", rounds: int) -> dict[tuple[str, int], float]:
    """Median seconds by kind of image and number of hosts.

    Baking comes first: it spawns a bare host and sends it the images, so that the manager has packed their layers for
    all that are measured.
    """
    seconds = {}
    print(f"baking took {pool.bake():.0f} s", flush=True)
    for kind in KINDS:
        if kind == "bare":
            pool.forget_image()
        for number in (1, AT_ONCE):
            taken = [pool.until_active(number) for _ in range(rounds)]
            print(f"{kind}, {number} at once: {taken}", flush=True)
            seconds[kind, number] = statistics.median(taken)
    return seconds


def ratios(seconds: dict[tuple[str, int], float]) -> dict[str, float]:
    """What counts on a machine of any speed."""
    return {
        "baked_over_bare": round(seconds["baked", 1] / seconds["bare", 1], 3),
        "four_over_one_bare": round(seconds["bare", AT_ONCE] / seconds["bare", 1], 2),
        "four_over_one_baked": round(seconds["baked", AT_ONCE] / seconds["baked", 1], 2),
    }


@dataclass
class Pool:
    """A pool without housekeeping: hosts come when they are asked for."""

    server: PrefectServer
    store: PoolStore
    cloud: Cloud

    def until_active(self, number: int) -> float:
        """Spawn so many hosts at once; seconds until the last is active. They are removed again."""
        runs = [self._trigger("spawn-host/on-demand", pool="main", flavor="small") for _ in range(number)]
        until(lambda: self._active() == number, f"{number} active hosts", SECONDS)
        hosts = self._living()
        self._settle(runs)
        self._remove_hosts()
        last = max(host.active_at for host in hosts if host.active_at)
        return round((last - min(host.created_at for host in hosts)).total_seconds(), 1)

    def bake(self) -> float:
        """Make the host image; seconds."""
        start = time.monotonic()
        state = self.server.wait(self._trigger("bake-host-image/on-demand", pool="main"), seconds=SECONDS)
        assert state["type"] == "COMPLETED", state["message"]
        return time.monotonic() - start

    def forget_image(self) -> None:
        """Delete the host image: hosts boot from the bare one again."""
        _forget_images(self.cloud)

    def _trigger(self, deployment: str, **parameters: Any) -> str:
        found = self.server.call("GET", f"/deployments/name/{deployment}")
        return self.server.trigger(found["id"], **parameters)

    def _living(self) -> list[Host]:
        hosts = self.store.hosts.all("main")
        return [host for host in hosts if host.state not in (HostState.REMOVED, HostState.REMOVING)]

    def _active(self) -> int:
        failed = [host for host in self._living() if host.state is HostState.FAILED]
        assert not failed, f"{failed[0].name}: {failed[0].reason}"
        return sum(host.state is HostState.ACTIVE for host in self._living())

    def _settle(self, runs: list[str]) -> None:
        for run in runs:
            self.server.wait(run, seconds=SECONDS)

    def _remove_hosts(self) -> None:
        emptied(self.cloud)
        for host in self._living():
            for state in (HostState.DRAINING, HostState.REMOVING, HostState.REMOVED):
                self.store.hosts.move(host.name, state, host.state_since)


@contextmanager
def bench(kind: str) -> Iterator[Pool]:
    """Server, worker, cloud and one notebook image of the usual size; nothing but that image stays."""
    with ExitStack() as stack:
        engine_url = stack.enter_context(some_engine())
        image = build_host_image(engine_url, DATA / "build", print)
        build_notebook_image(engine_url, DATA / "build", DATA / "images", print)
        cloud, environment = CLOUDS[kind](stack, engine_url, image)
        stack.callback(_forget_images, cloud)
        stack.callback(emptied, cloud)
        server = PrefectServer(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dd-bench-"))))
        server.env |= environment | _surroundings(server, kind, engine_url)
        stack.callback(server.stop)
        server.start()
        subprocess.run(
            [sys.executable, "-c", PROVISION, NAMESPACE, kind, image if kind == "local" else ""],
            env=server.env, cwd=ROOT, check=True,
        )  # fmt: skip
        _set_pool(server, DD_HOST_DATA_VOLUME_FACTOR=0, DD_MAX_HOSTS=AT_ONCE + 1, DD_FREE_SLOT_TARGET=0)
        stack.callback(stop, server.worker("long", "bench", "process"))
        store = PoolStore.open(server.env["DD_DATABASE_URL"])
        stack.callback(store.close)
        yield Pool(server, store, cloud)


def _surroundings(server: PrefectServer, kind: str, engine_url: str) -> dict[str, str]:
    """As the stack gives them to its worker; the records are of this run alone."""
    return {
        "DD_DATA": str(DATA),
        "DD_NAMESPACE": NAMESPACE,
        "DD_CLOUD": kind,
        "DD_WORKER_USER": "root",  # as this process is, which is the pool's only one
        "DD_ENGINE_URL": engine_url,
        "DD_DATABASE_URL": f"sqlite:///{server.home}/pool.sqlite",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_WORKER_PREFETCH_SECONDS": "0",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def _set_pool(server: PrefectServer, **fields: Any) -> None:
    found = server.call("GET", "/block_types/slug/pool-config/block_documents/name/main")
    server.call("PATCH", f"/block_documents/{found['id']}", data=fields, merge_existing_data=True)


def _forget_images(cloud: Cloud) -> None:
    for image in cloud.snapshots():
        cloud.delete_snapshot(image)


def _local(_stack: ExitStack, engine_url: str, _image: str) -> tuple[Cloud, dict[str, str]]:
    return LocalCloud(engine_url=engine_url, namespace=NAMESPACE), {}


def _openstack(stack: ExitStack, engine_url: str, image: str) -> tuple[Cloud, dict[str, str]]:
    rig = OpenStackRig(image, engine_url)
    stack.callback(rig.down)
    rig.up()
    environment = {"OS_CLIENT_CONFIG_FILE": str(rig.clouds_yaml), "OS_CLOUD": "rig"}
    os.environ |= environment
    return OpenStackCloud(credentials=OpenStackCredentials(cloud="rig"), namespace=NAMESPACE), environment


CLOUDS: dict[str, Callable[[ExitStack, str, str], tuple[Cloud, dict[str, str]]]] = {
    "local": _local,
    "openstack": _openstack,
}

if __name__ == "__main__":
    main()
