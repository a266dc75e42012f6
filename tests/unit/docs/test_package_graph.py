"""The diagram of the packages: what it leaves out, and that the page has the present one."""

from pathlib import Path

import pytest

from docs.package_graph import mermaid, without_implied

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"


def test_the_page_shows_the_packages_as_they_import_each_other_now():
    assert f"```mermaid\n{mermaid()}```\n" in PAGE.read_text()


def test_an_arrow_that_two_others_imply_is_left_out():
    assert without_implied({"a": {"b", "c"}, "b": {"c"}}) == {"a": {"b"}, "b": {"c"}}


def test_packages_that_import_each_other_keep_both_arrows():
    assert without_implied({"a": {"b"}, "b": {"a"}}) == {"a": {"b"}, "b": {"a"}}
