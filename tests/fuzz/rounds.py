"""Rounds of made-up input for a parser, until the time is over: what every fuzzer of parsers shares.

A parser takes an input or refuses it with one sentence; nothing else is raised. The last line is JSON: how many inputs
there were, how many of them were taken.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pool.errors import BadRequest, BrokenArchive
from pool.printable import is_printable

ROUND = 2000  # inputs, between two looks at the clock
LONGEST = 1000  # characters of a sentence
SLOW = 0.5  # seconds that one input may take on a busy machine

Input = TypeVar("Input")
Form = TypeVar("Form", bound=BaseModel)


def made_of(kind: type[Form], fields: dict) -> Form:
    """Make a block of these fields, as its form in Prefect's UI does.

    Raises:
        BadRequest: the form refuses it, in words.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        assert all(fault["loc"] or fault["msg"] for fault in error.errors()), error
        raise BadRequest("refused by the form") from None


def fuzz(about: str | None, inputs: st.SearchStrategy[Input], check: Callable[[Input], object]) -> None:
    """Feed *inputs* to *check*, which reads one and holds what was read to its rules, for as long as asked for."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--json", type=Path, help="file for the counts")
    options = parser.parse_args()
    outcomes, deadline = Counter(taken=0, refused=0), time.monotonic() + options.seconds
    one_round = _round(inputs, check, outcomes)
    while time.monotonic() < deadline:
        one_round()
    counts = json.dumps({"inputs": outcomes.total(), **outcomes})
    print(counts)
    if options.json:
        options.json.write_text(counts)


def _round(
    inputs: st.SearchStrategy[Input], check: Callable[[Input], object], outcomes: Counter[str]
) -> Callable[[], None]:
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(value=inputs)
    def one_round(value: Input) -> None:
        began = time.process_time()
        outcomes[_outcome(value, check)] += 1
        assert time.process_time() - began < SLOW, f"{value!r} took long"

    return one_round


def _outcome(value: Input, check: Callable[[Input], object]) -> str:
    try:
        check(value)
    except (BadRequest, BrokenArchive) as error:
        assert 0 < len(str(error)) < LONGEST, error
        assert is_printable(str(error)), error
        return "refused"
    return "taken"


def words_of(parts: str, *others: str) -> st.SearchStrategy[str]:
    """Texts that a parser nearly takes: *parts*, which stand apart, *others* and any characters, in any order."""
    part = st.sampled_from([*parts.split(), *others]) | st.text(max_size=4) | st.integers(0, 10**6).map(str)
    return st.lists(part, max_size=8).map("".join) | st.text(max_size=60)
