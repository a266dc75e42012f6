"""The platforms' client as `pip install ./runtime/client` gives it."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.integration

CLIENT = Path(__file__).parents[3] / "runtime" / "client"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
#: Both kinds, all modules but those of the extras; a server that is not there is asked.
USED = """
import asyncio, importlib, pkgutil, sys
import dockerdriver_client as package
for found in pkgutil.iter_modules(package.__path__, "dockerdriver_client."):
    if found.name != "dockerdriver_client.jupyterhub":
        importlib.import_module(found.name)
from dockerdriver_client import AsyncClient, Client, Unavailable

where = {"address": "http://127.0.0.1:9/api", "password": "a:b"}

async def ask():
    async with AsyncClient(**where) as client:
        await client.list(timeout=0.01)

for call in (lambda: Client(**where).list(timeout=0.01), lambda: asyncio.run(ask())):
    try:
        call()
    except Unavailable as error:
        print(type(error).__name__)
"""
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


def _needed(names: Iterable[str]) -> Iterator[Distribution]:
    """Each of these distributions and what they require, as far as it is not for an extra."""
    left, seen = list(names), set[str]()
    while left:
        name = canonicalize_name(left.pop())
        if name not in seen:
            seen.add(name)
            yield (found := distribution(name))
            wanted = [Requirement(line) for line in found.requires or ()]
            left += [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]


def test_it_works_where_nothing_is_installed_but_httpx_and_pydantic(wheel, tmp_path):
    for part in {file.parts[0] for found in _needed(["httpx", "pydantic"]) for file in found.files or ()} - {".."}:
        (tmp_path / part).symlink_to(distribution("httpx").locate_file(part))
    path = f"import sys; sys.path += [{str(tmp_path)!r}, {str(wheel)!r}]\n"
    said = subprocess.run([sys.executable, "-I", "-S", "-c", path + USED], capture_output=True, text=True, check=False)
    assert (said.stdout.split(), said.stderr) == (["Unavailable", "Unavailable"], "")


def test_jupyterhub_finds_the_spawner_in_it_by_its_name(wheel):
    name = next(name for name in ZipFile(wheel).namelist() if name.endswith("/entry_points.txt"))
    said = ZipFile(wheel).read(name).decode()
    assert said == "[jupyterhub.spawners]\ndockerdriver = dockerdriver_client.jupyterhub:DockerDriverSpawner\n"
    assert {"dockerdriver_client/jupyterhub/spawner.py"} <= set(ZipFile(wheel).namelist())
