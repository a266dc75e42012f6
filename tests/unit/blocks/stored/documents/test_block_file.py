"""Blocks that are written in files."""

import json

import pytest

from blocks.stored.blueprint import Blueprint
from blocks.stored.documents.block_file import read_block
from pool.errors import BadRequest

pytestmark = pytest.mark.unit

LAB = {"image": "lab", "port": 8888, "environment": {"BASE": "{base_url}"}}


@pytest.mark.parametrize("text", [json.dumps(LAB), "image: lab\nport: 8888\nenvironment:\n  BASE: '{base_url}'\n"])
def test_a_file_in_yaml_or_json_is_the_blueprint_with_all_that_it_leaves_out(tmp_path, text):
    (tmp_path / "lab.yaml").write_text(text)
    read = read_block(Blueprint, "blueprint", tmp_path / "lab.yaml")
    assert Blueprint(**read) == Blueprint(**LAB)
    assert read["lifetime"] == 3600


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("image: lab\nport: 8888\nbase_url: /x\n", "a blueprint has no field 'base_url'"),
        ("image: lab\n", "port"),
        ("image: lab\nport: 0\n", "port"),
        ("- image: lab\n", "it is no object of fields"),
        ("image: [lab\n", "cannot be read: expected ',' or ']', .*, line 2$"),
        ("", "it is no object of fields"),
    ],
)
def test_a_file_that_is_no_blueprint_is_refused_by_name_with_the_reason(tmp_path, text, why):
    (tmp_path / "lab.yaml").write_text(text)
    with pytest.raises(BadRequest, match=f"lab.yaml.*{why}"):
        read_block(Blueprint, "blueprint", tmp_path / "lab.yaml")


def test_all_that_is_wrong_with_a_file_is_said_at_once(tmp_path):
    (tmp_path / "lab.yaml").write_text("imge: lab\nprt: 1\nport: 0\n")
    with pytest.raises(BadRequest, match=r"no field 'imge', 'prt'; image: must be given; port: must be 1 or more$"):
        read_block(Blueprint, "blueprint", tmp_path / "lab.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadRequest, match=r"/none\.yaml cannot be read: No such file or directory$"):
        read_block(Blueprint, "blueprint", tmp_path / "none.yaml")
