"""The client stands by itself, and its two kinds are twins."""

import ast
import importlib.util
import inspect
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import dockerdriver_client
from dockerdriver_client import AsyncClient, Client

pytestmark = pytest.mark.unit

HOME = Path(dockerdriver_client.__file__).parent
METHODS = ("start", "start_class", "get", "wait", "link", "extend", "logs", "end", "list")


def imported(home: Path = HOME) -> set[str]:
    nodes = [node for file in home.glob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    whence = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | whence} - sys.stdlib_module_names


def test_it_imports_what_its_distribution_declares_and_nothing_of_the_product_or_prefect():
    project = tomllib.loads((HOME.parent / "pyproject.toml").read_text())["project"]
    needs, events = project["dependencies"], project["optional-dependencies"]["events"]
    assert {Requirement(each).name for each in needs} == {"httpx", "pydantic"}
    assert imported() == {Requirement(each).name for each in [*needs, *events]}


def test_its_part_for_a_hub_imports_jupyterhub_and_what_that_is_made_of():
    project = tomllib.loads((HOME.parent / "pyproject.toml").read_text())["project"]
    assert {Requirement(each).name for each in project["optional-dependencies"]["jupyterhub"]} == {"jupyterhub"}
    assert imported(HOME / "jupyterhub") == {"jupyterhub", "tornado", "traitlets"}


def test_it_works_where_websockets_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    spec = importlib.util.spec_from_file_location("dockerdriver_client.events_alone", HOME / "events.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(events := importlib.util.module_from_spec(spec))
    assert not events.EventStream("http://prefect.test/api", None, bool).usable


@pytest.mark.parametrize("method", METHODS)
def test_both_kinds_have_the_same_words(method):
    one, other = getattr(Client, method), getattr(AsyncClient, method)
    assert inspect.signature(one) == inspect.signature(other)
    assert one.__doc__ == other.__doc__
    assert inspect.iscoroutinefunction(other)


def test_neither_kind_has_a_method_that_the_other_lacks():
    def methods(of: type) -> set[str]:
        return {name for name in vars(of) if not name.startswith("_")}

    assert methods(Client) == {*METHODS, "close"}
    assert methods(AsyncClient) == {*METHODS, "aclose"}
