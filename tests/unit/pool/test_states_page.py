"""The picture of the life cycles in the docs."""

from pathlib import Path

import pytest

from pool.diagram import mermaid
from pool.states import HOST_MOVES, INSTANCE_MOVES

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[3] / "docs" / "states.md"


@pytest.mark.parametrize("moves", [HOST_MOVES, INSTANCE_MOVES])
def test_the_page_shows_exactly_the_moves_that_are_allowed(moves):
    assert f"```mermaid\n{mermaid(moves)}```" in PAGE.read_text(), "run python -m pool.diagram and paste"
