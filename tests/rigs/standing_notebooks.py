"""Notebooks that stand by on a light host, as standbys do: what they cost while they run, and while they are frozen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from blocks.engine.client import HostEngine
from blocks.stored.authority import CertificateAuthority
from blocks.stored.default_blueprints import default_blueprints
from pool.records import ContainerSpec, Placement
from pool.sessions.containers import container_spec
from runtime.builds.notebook_image import TAG, build_notebook_image
from tests.rigs.engines.engine import some_engine
from tests.rigs.engines.light_host import LightHost, light_host
from tests.rigs.pool_data import an_instance
from tests.rigs.waiting import until

NOTEBOOK = "jupyter-minimal"
START_SECONDS = 180


@dataclass(frozen=True)
class StandingNotebooks:
    """Some that run, each in a container of its own."""

    host: LightHost
    specs: list[ContainerSpec]

    @property
    def engine(self) -> HostEngine:
        return self.host.engine

    def cpu_seconds(self) -> float:
        """Of all of them together, since each began."""
        with self.engine.client("measure processors") as client:
            found = [client.stats(spec.name, stream=False, one_shot=True) for spec in self.specs]
        return sum(one["cpu_stats"]["cpu_usage"]["total_usage"] for one in found) / 1e9

    def cpu_within(self, seconds: float) -> float:
        """Seconds of processors that all together take in so many seconds."""
        before = self.cpu_seconds()
        time.sleep(seconds)
        return self.cpu_seconds() - before

    def freeze(self) -> None:
        for spec in self.specs:
            self.engine.freeze(spec.name)

    def thaw(self, spec: ContainerSpec) -> tuple[float, float]:
        """Have one go on; seconds that the engine takes for it, and until its program has answered."""
        begun = time.perf_counter()
        self.engine.thaw(spec.name)
        thawed = time.perf_counter()
        assert self.answers(spec)
        return thawed - begun, time.perf_counter() - begun

    def answers(self, spec: ContainerSpec) -> bool:
        url = f"http://{self.host.address}:{spec.host_port}{spec.environment['DD_BASE_URL']}api"
        try:
            return httpx.get(url, trust_env=False, timeout=5).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def standing_notebooks(number: int) -> Iterator[StandingNotebooks]:
    """So many JupyterLabs of the notebook image that have answered, on a host of their own."""
    with (
        TemporaryDirectory(prefix="dd-standing-", dir="/var/tmp") as name,
        light_host(CertificateAuthority.create("standing notebooks")) as host,
    ):
        _load_notebook(host.engine, Path(name))
        with host.engine.client("look for the image") as client:
            image = client.inspect_image(TAG)["Id"]
        there = StandingNotebooks(host, [_spec(number, image) for number in range(number)])
        for spec in there.specs:
            host.engine.run(spec)
            until(lambda spec=spec: there.answers(spec), f"{spec.name} answers", START_SECONDS)  # type: ignore[misc]
        yield there


def _load_notebook(engine: HostEngine, folder: Path) -> None:
    with some_engine() as url:
        archive = build_notebook_image(url, folder / "work", folder / "images", print)
    with archive.open("rb") as file:
        engine.load(iter(partial(file.read, 1 << 20), b""))


def _spec(number: int, image: str) -> ContainerSpec:
    """As the product's own blueprint makes a session."""
    place = Placement("host", 21000 + number)
    standing = an_instance(f"standing-{number}", placement=place, route=f"r{number}", token="made-up")
    return container_spec(standing, default_blueprints()[NOTEBOOK].spec(NOTEBOOK), image, "dd-standing")
