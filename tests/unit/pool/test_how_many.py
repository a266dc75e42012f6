"""Numbers of things in sentences: no user reads "1 hosts"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.resources import ROOT
from pool.printable import how_many

pytestmark = pytest.mark.unit

FLOORS = ("pool", "blocks", "tasks", "flows", "runtime")
#: Things that our sentences count. After a value in braces they may not stand as a plural: `how_many` is for that.
COUNTED = (
    "backups|boots|bytes|characters|containers|cores|days|decisions|errors|files|hosts|images|machines|minutes|notices"
    "|pipelines|records|rows|routes|seconds|secrets|sessions|slots|snapshots|standbys|times|users|visits"
)
#: What is no number ("small hosts", "lack images"), or a limit that is more than one.
NO_NUMBER = {"size", "lack", "mixed(wanted)", "many", "seconds / 60"}
_PLURAL = re.compile(rf" (?:(?:active|failed|free|more|new|printable) )?(?:{COUNTED})\b")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (how_many(0, "host"), "0 hosts"),
        (how_many(1, "host"), "1 host"),
        (how_many(1, "session runs", "sessions run"), "1 session runs"),
        (how_many(2, "session runs", "sessions run"), "2 sessions run"),
    ],
)
def test_one_is_said_otherwise_than_several(said, expected):
    assert said == expected


@pytest.mark.parametrize("floor", FLOORS)
def test_no_sentence_counts_one_thing_as_several(floor):
    assert [where for file in sorted((ROOT / floor).rglob("*.py")) for where in plurals_in(file)] == []


def plurals_in(file: Path) -> Iterator[str]:
    """Find the values in braces that a plural follows, in sentences of one file; limits are constants, in capitals."""
    for node in ast.walk(ast.parse(file.read_text())):
        for value, words in zip(values := getattr(node, "values", []), values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(words, ast.Constant):
                shown = ast.unparse(value.value)
                if _PLURAL.match(str(words.value)) and shown not in NO_NUMBER and not re.match("[A-Z_]+( |$)", shown):
                    yield f"{file.relative_to(ROOT)}:{value.lineno}: {{{shown}}}{words.value!r}"
