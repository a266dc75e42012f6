"""Which images an engine can run."""

import pytest

from pool.images.platforms import runs_on

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("image", "engine", "runs"),
    [
        ("amd64", "x86_64", True),
        ("arm64", "aarch64", True),
        ("386", "x86_64", True),
        ("arm", "aarch64", True),
        ("arm64", "x86_64", False),
        ("amd64", "aarch64", False),
        ("s390x", "x86_64", False),
        ("", "x86_64", True),
        ("amd64", "", True),
    ],
)
def test_an_image_goes_to_engines_of_its_processor_and_what_is_not_known_is_not_refused(image, engine, runs):
    assert runs_on(image, engine) is runs
