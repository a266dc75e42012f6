"""The generated parts of the docs are what the code says today."""

import pytest

from docs.generate import HERE, PARTS, generated

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("page", PARTS)
def test_no_page_is_stale(page):
    assert (HERE / page).read_text() == generated(page), "run make docs"


def test_every_place_that_the_docs_keep_for_a_generated_part_is_filled():
    kept = {str(page.relative_to(HERE)) for page in HERE.rglob("*.md") if "<!-- generated: " in page.read_text()}
    assert kept == set(PARTS)
