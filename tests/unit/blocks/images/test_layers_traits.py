"""What is told about an engine by what it says of itself."""

import json
from contextlib import contextmanager
from typing import Any

import pytest

from blocks.images.push import EngineTraits, check_fits, traits_of
from blocks.images.stream import Compression
from pool.blame import BAD_IMAGE
from pool.errors import EngineTrouble
from pool.records import Image

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
        ("1.41", OVERLAY2, EngineTraits(Compression.GZIP, containerd_store=False)),
        ("1.9", None, EngineTraits(Compression.GZIP, containerd_store=False)),
        ("1.45", OVERLAY2, EngineTraits(Compression.ZSTD, containerd_store=False)),
        ("1.48", CONTAINERD, EngineTraits(Compression.ZSTD, containerd_store=True)),
    ],
    ids=["20.10", "very old", "26.1", "containerd's image store"],
)
def test_an_engine_gets_what_it_takes(api, status, traits):
    engine: Any = Engine(api, status)
    assert traits_of(engine) == traits


IMAGE = Image("main", "lab:1", "sha256:1", size=1)


@pytest.mark.parametrize(
    ("config", "traits", "words"),
    [
        ({"architecture": "arm64"}, {"processor": "x86_64"}, "image lab:1 is made for arm64"),
        (
            {"architecture": "amd64"},
            {"containerd_store": True},
            "the config that is kept of image lab:1 is not",
        ),
    ],
    ids=["another processor", "another config, which containerd's image store could not tell"],
)
def test_an_image_that_an_engine_could_not_run_is_not_sent(config, traits, words):
    engine = EngineTraits(
        **{"compression": Compression.GZIP, "containerd_store": False, "processor": "x86_64"} | traits
    )
    with pytest.raises(EngineTrouble, match=f"^host h-1: .*{words}") as refusal:
        check_fits("h-1", IMAGE, json.dumps(config).encode(), engine)
    assert refusal.value.blame is BAD_IMAGE
