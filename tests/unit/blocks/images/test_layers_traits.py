"""What is told about an engine by what it says of itself."""

from contextlib import contextmanager

import pytest

from blocks.images.push import EngineTraits, traits_of
from blocks.images.stream import Compression

pytestmark = pytest.mark.unit

OVERLAY2 = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]
CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]


class Engine:
    """Answers as an engine of this version and store does."""

    def __init__(self, api, status):
        self.api_version, self._status = api, status

    @contextmanager
    def client(self, _step):
        yield self

    def info(self):
        return {"DriverStatus": self._status}


@pytest.mark.parametrize(
    ("api", "status", "traits"),
    [
        ("1.41", OVERLAY2, EngineTraits(Compression.GZIP, partial=True)),
        ("1.9", None, EngineTraits(Compression.GZIP, partial=True)),
        ("1.45", OVERLAY2, EngineTraits(Compression.ZSTD, partial=True)),
        ("1.48", CONTAINERD, EngineTraits(Compression.ZSTD, partial=False)),
    ],
    ids=["20.10", "very old", "26.1", "containerd's image store"],
)
def test_an_engine_gets_what_it_takes(api, status, traits):
    assert traits_of(Engine(api, status)) == traits
