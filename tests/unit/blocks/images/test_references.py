"""References that operators write for images to pull."""

import pytest

from blocks.images.references import split_reference
from pool.errors import BadRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("lab@latest", "image lab@latest: a tag stands behind a colon, as in lab:latest"),
        ("lab@sha256:" + "a" * 64, "name a tag, not a digest"),
    ],
)
def test_what_follows_the_at_is_told_of_by_what_it_is(reference, said):
    with pytest.raises(BadRequest, match=said):
        split_reference(reference)
