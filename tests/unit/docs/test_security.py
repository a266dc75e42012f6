"""The threat model names tests: each is there."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "security.md").read_text()
FILES = list((ROOT / "tests").rglob("test_*.py"))


def test_each_file_that_is_named_is_there():
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)`", TEXT))
    assert len(named) > 20
    assert [name for name in named if not any(str(file).endswith(f"/{name}") for file in FILES)] == []


def test_each_test_that_is_named_is_there():
    named = set(re.findall(r"`(test_\w+)(?:…)?`", TEXT))
    code = "\n".join(file.read_text() for file in FILES)
    assert len(named) > 5
    assert [name for name in named if f"def {name}" not in code] == []
