"""The platforms' client as `pip install ./runtime/client` gives it."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.integration

CLIENT = Path(__file__).parents[3] / "runtime" / "client"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
LOADED = "import sys, dockerdriver_client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build it from a copy, for pip leaves a folder `build` in what it builds."""
    place = tmp_path_factory.mktemp("client")
    shutil.copytree(CLIENT, place / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", place, place / "source"]
    subprocess.run(command, check=True)
    return next(place.glob("dockerdriver_client-*.whl"))


def test_the_wheel_holds_one_package_with_its_types_and_nothing_of_the_house(wheel):
    names = ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"dockerdriver_client"}
    assert {"dockerdriver_client/py.typed", "dockerdriver_client/async_client.py"} <= set(names)


def test_its_import_loads_neither_prefect_nor_the_house(wheel, tmp_path):
    command = [sys.executable, "-P", "-c", LOADED]
    said = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=True
    )
    loaded = set(said.stdout.split())
    assert {"httpx", "pydantic", "dockerdriver_client"} <= loaded
    assert (
        loaded & {"prefect", "pool", "blocks", "tasks", "flows", "runtime", "sqlalchemy", "docker", "jupyterhub"}
        == set()
    )


def test_jupyterhub_finds_the_spawner_in_it_by_its_name(wheel):
    name = next(name for name in ZipFile(wheel).namelist() if name.endswith("/entry_points.txt"))
    said = ZipFile(wheel).read(name).decode()
    assert said == "[jupyterhub.spawners]\ndockerdriver = dockerdriver_client.jupyterhub:DockerDriverSpawner\n"
    assert {"dockerdriver_client/jupyterhub/spawner.py"} <= set(ZipFile(wheel).namelist())
