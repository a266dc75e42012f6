"""The pages that say what holds name tests and files: each is there."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FILES = list((ROOT / "tests").rglob("test_*.py"))


@pytest.fixture(params=["security", "reliability", "scaling", "how-backups-work"])
def page(request):
    return (ROOT / "docs" / f"{request.param}.md").read_text()


def test_each_file_that_is_named_is_there(page):
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", page))
    assert named
    assert [name for name in named if not any(str(file).endswith(f"/{name}") for file in FILES)] == []


def test_each_test_that_is_named_is_there(page):
    named = set(re.findall(r"`(test_\w+)(?:…)?`", page))
    code = "\n".join(file.read_text() for file in FILES)
    assert [name for name in named if f"def {name}" not in code] == []


def test_each_package_and_module_of_the_architecture_s_first_table_is_there():
    rows = re.findall(r"^\|(.*)\|$", (ROOT / "docs" / "architecture.md").read_text().split("\n## ")[0], re.MULTILINE)
    cells = [
        cell for row in rows[2:] for cell in zip(("", "pool", "blocks", "tasks", "flows"), row.split("|"), strict=True)
    ]
    named = [ROOT / layer / name for layer, cell in cells for name in re.findall(r"`([\w/]+(?:/|\.py))`", cell)]
    assert len(named) > 30
    assert [str(path) for path in named if not path.exists()] == []
