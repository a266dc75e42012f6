"""A warm worker beyond its memory limit makes way for a new one, when that costs least."""

import time

import pytest

from runtime.worker import memory_limit
from runtime.worker.memory_limit import SERVES_SECONDS, MemoryLimit, is_to_end, resident_mb

pytestmark = pytest.mark.unit

LONG = SERVES_SECONDS + 1


@pytest.mark.parametrize(
    ("memory", "busy", "served", "ends"),
    [
        (999, False, LONG, False),
        (1001, False, LONG, True),
        (1001, True, LONG, False),
        (1501, True, LONG, True),
        (9999, False, SERVES_SECONDS - 1, False),
    ],
    ids=["within it", "above it", "above it with runs", "far above it with runs", "began a moment ago"],
)
def test_a_worker_ends_above_its_limit_when_no_run_is_under_way_or_it_is_far_above(memory, busy, served, ends):
    assert is_to_end(memory, 1000, busy, served) is ends


def test_a_worker_without_a_limit_never_ends():
    assert not is_to_end(1e9, 0, busy=False, served=LONG)


def test_a_worker_ends_once_and_says_why(monkeypatch):
    monkeypatch.setattr(memory_limit, "SERVES_SECONDS", 0)
    ended, said = [], []
    limit = MemoryLimit(1000, end=lambda: ended.append("now"), memory_mb=lambda: 1200.0)
    for _ in range(2):
        limit.look(False, lambda text, *values: said.append(text % values))
    assert ended == ["now"]
    assert said == ["This worker has 1200 MB, above DD_WARM_MEMORY_MB (1000): it ends, and a new one begins"]


def test_a_worker_that_stood_by_serves_its_time_from_when_it_took_over(monkeypatch):
    monkeypatch.setattr(memory_limit, "SERVES_SECONDS", 0.2)
    ended = []
    limit = MemoryLimit(1000, end=lambda: ended.append("now"), memory_mb=lambda: 1200.0)
    time.sleep(0.21)
    limit.begin()
    limit.look(False, lambda *_: None)
    assert ended == []


def test_the_memory_of_a_process_is_read():
    assert 10 < resident_mb() < 10_000
