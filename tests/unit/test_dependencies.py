"""What pyproject.toml declares, held to what the code imports and to what the lock has."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.unit

CHECKOUT = Path(__file__).parents[2]
OURS = ("pool", "blocks", "tasks", "flows", "runtime")
FOR_OTHERS = {"fastapi", "psycopg"}  # held back for Prefect's server; SQLAlchemy's driver, named by a URL
TOOLS = {"ansible-core"}  # run, not imported


def declared() -> dict[str, Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(r.name): r for r in map(Requirement, project["dependencies"])}


def imported() -> set[str]:
    """Top names of all that the product imports, also within functions."""
    files = {file for name in OURS for file in (CHECKOUT / name).rglob("*.py")}
    files -= {*(CHECKOUT / "runtime" / "images").rglob("*.py")}  # they run in the images
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    whence = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | whence} - set(OURS) - sys.stdlib_module_names


def locked(file: str) -> dict[str, str]:
    lines = [line.partition(";") for line in (CHECKOUT / file).read_text().splitlines()]
    here = [pin.strip() for pin, _, marker in lines if not marker or Marker(marker).evaluate()]
    return {canonicalize_name(name): version for name, _, version in (pin.partition("==") for pin in here)}


def test_what_the_code_imports_is_declared_and_nothing_else():
    owners = packages_distributions()
    used = {canonicalize_name(owners[name][0]) for name in imported() - {"_typeshed"}}
    assert used | FOR_OTHERS | TOOLS == set(declared())


@pytest.mark.parametrize("requirement", declared().values(), ids=str)
def test_the_lock_is_within_the_declared_range(requirement):
    assert locked("requirements.lock")[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-test.lock"])
def test_a_lock_names_packages_and_versions_and_nothing_else(file):
    for line in (CHECKOUT / file).read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; python\w* [<>=]+ \"[\d.]+\")?", line), line
