"""A release has one number, wherever it stands."""

import re
import tomllib
from pathlib import Path

import pytest

from runtime.command.line.version import version_here

pytestmark = pytest.mark.unit

CHECKOUT = Path(__file__).parents[2]
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
RELEASE = re.compile(r"(\d+\.\d+\.\d+) - (20\d\d-\d\d-\d\d)")


def of(project: str) -> str:
    version: str = tomllib.loads((CHECKOUT / project / "pyproject.toml").read_text())["project"]["version"]
    return version


def headings() -> list[str]:
    return HEADING.findall((CHECKOUT / "CHANGELOG.md").read_text())


def test_the_newest_release_of_the_changelog_is_what_the_code_and_the_client_say_they_are():
    newest = RELEASE.fullmatch(headings()[1])
    assert newest, "CHANGELOG.md has a release below Unreleased"
    assert {newest[1], of("."), of("runtime/client"), version_here().partition(" ")[0]} == {newest[1]}


def test_the_changelog_begins_with_what_is_not_released_and_has_releases_from_new_to_old():
    unreleased, *releases = headings()
    assert unreleased == "Unreleased"
    found = [RELEASE.fullmatch(release) for release in releases]
    assert [match[2] for match in found if match] == sorted((m[2] for m in found if m), reverse=True)
    assert all(found), releases
