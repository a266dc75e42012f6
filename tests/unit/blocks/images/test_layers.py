"""Which layers travel: exactly those that an engine lacks, whatever it has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.images.distribution import (
    DistributionProgress,
    DistributionTally,
    Throttle,
    chain_ids,
    image_table,
    missing_layers,
)
from pool.records import Image

pytestmark = pytest.mark.unit

LAYERS = [f"sha256:{number:064x}" for number in range(6)]
IMAGES = st.lists(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=6).map(tuple), min_size=1, max_size=6)


class ModelEngine:
    """Keeps layers by chain, as engines do, and loads an image from what it has and what it gets."""

    def __init__(self):
        self.chains: set[str] = set()

    def load(self, layers: tuple[str, ...], sent: tuple[str, ...]) -> None:
        for chain, layer in zip(chain_ids(layers), layers, strict=True):
            assert chain in self.chains or layer in sent, "the engine has no such layer"
            self.chains.add(chain)


@given(there=IMAGES, wanted=IMAGES)
def test_every_image_arrives_and_nothing_that_is_there_travels(there, wanted):
    engine = ModelEngine()
    for layers in there:
        engine.load(layers, layers)
    for layers in wanted:
        before, sent = set(engine.chains), missing_layers(layers, engine.chains)
        engine.load(layers, sent)
        needed = {layer for chain, layer in zip(chain_ids(layers), layers, strict=True) if chain not in before}
        assert set(sent) == needed
        assert len(sent) == len(set(sent))


@given(wanted=IMAGES)
def test_what_has_arrived_is_not_sent_again(wanted):
    engine = ModelEngine()
    for layers in wanted:
        engine.load(layers, missing_layers(layers, engine.chains))
    assert [missing_layers(layers, engine.chains) for layers in wanted] == [()] * len(wanted)


def test_a_layer_above_another_parent_is_sent_again():
    one, two, three = LAYERS[:3]
    present = set(chain_ids([one, two]))
    assert missing_layers([one, two], present) == ()
    assert missing_layers([one, three, two], present) == (three, two)
    assert missing_layers([two], present) == (two,)


def test_a_layer_that_an_image_has_twice_is_sent_once():
    assert missing_layers([LAYERS[0], LAYERS[1], LAYERS[0]], ()) == (LAYERS[0], LAYERS[1])


def test_a_chain_is_named_as_the_oci_image_specification_says():
    first, second, _ = chain_ids(["sha256:a", "sha256:b", "sha256:c"])
    assert first == "sha256:a"
    assert second == "sha256:970a948bffa8de94d6e22d747ba8c95030e6e546909f98f54e99a13005e173a8"


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 5)), min_size=1, max_size=20))
def test_never_more_than_the_rate_passes(pieces):
    pace, now, end, total = Throttle(100), 0.0, 0.0, 0
    for size, pause in pieces:
        now += pause
        start = now + pace.wait_for(size, now)
        assert start >= end - 1e-6
        end, total = start + size / 100, total + size
    assert end >= total / 100 - 1e-6


def test_after_a_pause_there_is_no_burst_and_no_wait():
    pace = Throttle(100)
    assert [pace.wait_for(50, now) for now in (0, 0, 10, 10)] == [0, 0.5, 0, 0.5]


def test_without_a_limit_nothing_waits():
    assert Throttle(0).wait_for(1 << 40, 0) == 0


def test_progress_is_whole_only_when_every_host_is_done():
    known: dict[str, Any] = {"hosts": 4, "expected": 100, "skipped": 40, "seconds": 2.0}
    assert DistributionProgress(done=1, sent=10, **known).percent == 50
    assert DistributionProgress(done=3, sent=900, **known).percent == 99
    assert DistributionProgress(done=4, sent=10, **known).percent == 100
    assert "1 of 4 hosts done, 3.0 MB sent (1.5 MB/s)" in str(DistributionProgress(done=1, sent=3_000_000, **known))


def test_every_byte_that_went_is_counted_and_a_second_try_skips_once():
    tally = DistributionTally(hosts=2, expected=1000)
    for host, size in (("main-01", 100), ("main-02", 7), ("main-01", 200)):
        tally.count_sent(host, size)
    for skipped in (50, 60):
        tally.count_skipped("main-01", "sha256:a", skipped)
    tally.count_done()
    assert tally.of("main-01") == (300, 60)
    assert tally.of("main-02") == (7, 0)
    assert tally.progress(seconds=2) == DistributionProgress(2, 1, 1000, 307, 60, 2)


def test_the_table_says_which_host_has_which_image():
    images = [Image("main", "tiny", "sha256:" + "a" * 64, 1), Image("main", "large", "sha256:" + "b" * 64, 1)]
    rows = image_table(images, {"main-01": {images[0].id}, "main-02": set()})
    assert rows[0] == {"image": "tiny", "id": "a" * 12, "main-01": "there", "main-02": "missing"}
    assert rows[1] == {"image": "large", "id": "b" * 12, "main-01": "missing", "main-02": "missing"}
