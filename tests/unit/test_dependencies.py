"""What pyproject.toml declares, held to what the code imports and to what the lock has."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.lock_hashes import LOCKS, pins, serves, tags

pytestmark = pytest.mark.unit

CHECKOUT = Path(__file__).parents[2]
OURS = ("pool", "blocks", "tasks", "flows", "runtime")
#: Held back for Prefect's server; SQLAlchemy's driver, named by a URL; what uvicorn takes where it is installed.
FOR_OTHERS = {"fastapi", "psycopg", "httptools", "uvloop"}
TOOLS = {"ansible-core"}  # run, not imported


def declared() -> dict[str, Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(r.name): r for r in map(Requirement, project["dependencies"])}


def extras() -> list[Requirement]:
    """What settings name, and no code imports."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return [Requirement(each) for extra in project["optional-dependencies"].values() for each in extra]


def imported() -> set[str]:
    """Top names of all that the product imports, also within functions."""
    files = {file for name in OURS for file in (CHECKOUT / name).rglob("*.py")}
    files -= {*(CHECKOUT / "runtime" / "images").rglob("*.py")}  # they run in the images
    files -= {*(CHECKOUT / "runtime" / "client").rglob("*.py")}  # a distribution of its own
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    whence = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | whence} - set(OURS) - sys.stdlib_module_names


def top_names(owner: str) -> set[str]:
    """What a distribution puts at the top. To ask those of all that is installed takes two seconds."""
    return {file.parts[0].removesuffix(".py") for file in distribution(owner).files or ()}


def locked(file: str) -> dict[str, str]:
    """Name and version of all that this Python gets."""
    here = [pin for pin in pins((CHECKOUT / file).read_text()) if _counts(pin["marker"])]
    return {canonicalize_name(pin["name"]): pin["version"] for pin in here}


def _counts(marker: str | None) -> bool:
    return not marker or Marker(marker.removeprefix(" ; ")).evaluate()


def test_what_the_code_imports_is_declared_and_nothing_else():
    owners = {name: owner for owner in declared() for name in top_names(owner)}
    used = {owners.get(name, name) for name in imported() - {"_typeshed"}}
    assert used | FOR_OTHERS | TOOLS == set(declared())


@pytest.mark.parametrize("requirement", [*declared().values(), *extras()], ids=str)
def test_the_lock_is_within_the_declared_range(requirement):
    assert locked("requirements.lock")[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_names_packages_versions_and_hashes_and_nothing_else(file):
    entry = re.compile(r"[\w.-]+==[\w.]+( ; python\w* [<>=]+ \"[\d.]+\")?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")
    text = (CHECKOUT / file).read_text()
    assert "".join(match[0] for match in entry.finditer(text)) == text
    assert len(list(pins(text))) == text.count("==")


def test_all_locks_of_the_checkout_are_looked_at():
    found = subprocess.check_output(["git", "ls-files", "*.lock"], cwd=CHECKOUT, text=True).split()
    assert sorted(found) == sorted(LOCKS)


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-test.lock"])
def test_what_is_installed_is_what_the_lock_says(file):
    assert locked(file).items() <= {canonicalize_name(one.name): one.version for one in distributions()}.items()


def test_the_tests_pay_for_no_extra_that_every_import_of_prefect_would_compile_a_grammar_for():
    """jsonschema takes rfc3987-syntax where it is there, to check IRIs that nothing here has: 1.5 s in each process."""
    assert not {"rfc3987-syntax", "lark"} & set(locked("requirements-test.lock"))


@pytest.mark.parametrize(
    ("filename", "taken"),
    [
        ("a_b-1.0-py3-none-any.whl", True),
        ("a_b-1.0.tar.gz", True),
        ("a_b-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("a_b-1.0-cp39-abi3-manylinux_2_28_aarch64.whl", True),
        ("a_b-1.0-cp311-cp311-win_amd64.whl", False),
        ("a_b-1.0-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("a_b-1.1-py3-none-any.whl", False),
        ("a_b-1.0.exe", False),
    ],
)
def test_a_lock_gets_the_hashes_of_the_files_that_pip_may_take(filename, taken):
    assert serves(filename, "A.b", Version("1.0"), tags()) is taken
