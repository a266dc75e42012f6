"""The blueprints that are shipped as examples, and the page that tells of them."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from blocks.stored.blueprint import Blueprint
from blocks.stored.default_blueprints import default_blueprints

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "docs/applications").glob("*.yaml"))
NAMES = [file.stem for file in FILES]
ROWS = {
    name: cells
    for name, *cells in re.findall(
        r"^\| .*\(applications/([\w-]+)\.yaml\) \| (.*?) \| (.*?) \| (.*) \|$",
        (ROOT / "docs/applications.md").read_text(),
        re.MULTILINE,
    )
}
VERSIONS = tomllib.loads((ROOT / "tests/rigs/applications/versions.toml").read_text())

STOOD_IN_FOR = {"rstudio"}  # by tests/rigs/rstudio: in no registry
NOT_TO_BE_HAD = {"minimal-notebook"}  # likewise; what runs in it is tried as jupyterlab


def values(name: str) -> dict:
    return yaml.safe_load((ROOT / f"docs/applications/{name}.yaml").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_a_blueprint_without_a_field_that_means_nothing(name):
    blueprint = Blueprint(**values(name)).spec(name)
    assert blueprint.image.rpartition("/")[2] == name
    assert set(values(name)) <= set(Blueprint.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_told_its_prefix_or_sees_none(name):
    told = "{base_url}" in str(values(name))
    both = name in ("gradio", "rstudio")  # which see none, and are told it for links and redirects
    assert told != values(name).get("strip_prefix", False) or both


@pytest.mark.parametrize("name", NAMES)
def test_each_example_listens_on_the_port_that_it_is_told_and_shows_no_token(name):
    assert "{port}" in str(values(name)) or name in STOOD_IN_FOR  # whose image has a port of its own
    assert "{token}" not in str(values(name)["command"])


def test_each_example_is_tried_and_told_of():
    tried = {name for packages in VERSIONS.values() for name in packages}
    assert set(NAMES) == tried | STOOD_IN_FOR | NOT_TO_BE_HAD == ROWS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_whether_an_example_keeps_its_prefix(name):
    assert ROWS[name][1].startswith("stripped" if values(name).get("strip_prefix") else "kept")


@pytest.mark.parametrize("name", [name for kind in ("pip", "npm") for name in VERSIONS[kind]])
def test_the_page_names_the_version_that_was_tried(name):
    packages = " ".join(package for kind in ("pip", "npm") for package in VERSIONS[kind].get(name, []))
    assert re.search(rf"{name}[=@]+{re.escape(ROWS[name][0])}( |$)", packages)


def test_the_example_of_rstudio_is_what_a_new_installation_has():
    assert Blueprint(**values("rstudio")) == default_blueprints()["rstudio"]
