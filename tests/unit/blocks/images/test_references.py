"""References that operators write for images to pull."""

from contextlib import contextmanager
from typing import Any

import pytest
from docker.errors import APIError

from blocks.images.references import pull, split_reference
from pool import blame
from pool.errors import BadRequest, EngineTrouble

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


class PullingEngine:
    """An engine that has no image, and whose pull ends with these words."""

    def __init__(self, words: str):
        self._words = words

    @contextmanager
    def client(self, *_):
        yield self

    def inspect_image(self, _name):
        raise APIError("none")

    def pull(self, *_, **_more):
        return [{"status": "Pulling"}, {"error": self._words}]


@pytest.mark.parametrize(
    ("words", "judged"),
    [
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", blame.BAD_IMAGE),
        ('Get "https://quay.io/v2/": dial tcp 192.0.2.1:443: i/o timeout', blame.UNREACHABLE),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", blame.NO_SPACE),
        ("toomanyrequests: You have reached your unauthenticated pull rate limit.", blame.HOSTS_OWN),
    ],
)
def test_a_pull_that_breaks_off_is_judged_by_the_one_table(words, judged):
    with pytest.raises(EngineTrouble, match="could not be pulled: ") as trouble:
        engine: Any = PullingEngine(words)
        pull(engine, "quay.io/lab")
    assert trouble.value.blame is judged
