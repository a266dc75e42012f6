import re

import pytest

from blocks.clouds.openstack_project.marks import metadata
from blocks.clouds.openstack_project.snapshots import image_properties
from blocks.resources import ROOT
from pool import marks

pytestmark = pytest.mark.unit


def test_the_marks_are_spelled_in_one_place():
    spelling = re.compile("|".join(f'"{re.escape(mark)}["=]' for name, mark in vars(marks).items() if name.isupper()))
    files = (file for room in ("pool", "blocks", "tasks", "flows", "runtime") for file in (ROOT / room).rglob("*.py"))
    assert [file for file in files if spelling.search(file.read_text())] == [ROOT / "pool" / "marks.py"]


def test_what_earlier_versions_made_is_found_again():
    assert (marks.NAMESPACE, marks.INSTANCE) == ("dockerdriver.namespace", "dockerdriver.instance")
    assert list(metadata("dd", "main", "h-1")) == ["dockerdriver.namespace", "dockerdriver.pool", "dockerdriver.host"]
    assert list(image_properties("dd", "image", "main", "h-1", "r-1")) == [
        "dockerdriver_namespace",
        "dockerdriver_image",
        "dockerdriver_pool",
        "dockerdriver_host",
        "dockerdriver_recipe",
    ]
