"""The clouds that the contract runs on: the local one, and a static one whose first machine really runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest

from blocks.clouds.local.cloud import LocalCloud, LocalFlavor
from blocks.clouds.port import Cloud
from blocks.clouds.static import StaticCloud, StaticMachine
from runtime.builds.host_image import build_host_image
from tests.rigs.hosts.clouds import KEY, NAMESPACE, Rig, emptied, server_request


@pytest.fixture(scope="session")
def host_image(engine_url: str) -> str:
    return build_host_image(engine_url, Path(gettempdir()), print)


@pytest.fixture(scope="session")
def open_local(engine_url: str, host_image: str) -> Callable[[str], LocalCloud]:
    def open_cloud(namespace: str) -> LocalCloud:
        flavors = {"small": LocalFlavor(memory_mb=1024, cpus=2)}
        return LocalCloud(engine_url=engine_url, namespace=namespace, flavors=flavors, images={"bare": host_image})

    return open_cloud


@pytest.fixture
def local(open_local: Callable[[str], LocalCloud]) -> Iterator[Rig]:
    clouds: list[Cloud] = []

    def open_cloud(namespace: str) -> Cloud:
        clouds.append(open_local(namespace))
        return clouds[-1]

    yield Rig(open_cloud, open_cloud(NAMESPACE))
    for cloud in clouds:
        emptied(cloud)


@pytest.fixture(scope="module")
def machines(open_local: Callable[[str], LocalCloud]) -> Iterator[list[StaticMachine]]:
    """Three machines that an operator could list; the first one really runs."""
    cloud = open_local(f"{NAMESPACE}-machines")
    try:
        addresses = [cloud.create(server_request("metal")).address, "192.0.2.2", "192.0.2.3"]
        yield [StaticMachine(name=f"m{n}", address=a, host_key=KEY.public) for n, a in enumerate(addresses)]
    finally:
        emptied(cloud)


@pytest.fixture
def static(machines: list[StaticMachine], tmp_path: Path) -> Rig:
    def open_cloud(namespace: str) -> Cloud:
        return StaticCloud(machines=machines, namespace=namespace, assignments=str(tmp_path / "taken.sqlite"))

    return Rig(open_cloud, open_cloud(NAMESPACE))
