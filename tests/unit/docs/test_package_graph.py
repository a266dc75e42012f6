"""The diagram of the packages leaves out what other arrows imply."""

import pytest

from docs.package_graph import mermaid, without_implied

pytestmark = pytest.mark.unit


def test_the_door_is_drawn_as_a_box_of_its_own():
    assert "blocks_outside[outside.py, the door]" in mermaid()


def test_an_arrow_that_two_others_imply_is_left_out():
    assert without_implied({"a": {"b", "c"}, "b": {"c"}}) == {"a": {"b"}, "b": {"c"}}


def test_packages_that_import_each_other_keep_both_arrows():
    assert without_implied({"a": {"b"}, "b": {"a"}}) == {"a": {"b"}, "b": {"a"}}
