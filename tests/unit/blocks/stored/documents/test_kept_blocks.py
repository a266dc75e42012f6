"""Blocks are read once, and again when a change is told; for no longer than changes are told at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from blocks.stored.documents.kept_blocks import KEPT_SECONDS, SETTLE_SECONDS, KeptBlocks
from pool.errors import NotFound

pytestmark = pytest.mark.unit


class Shelf:
    """A block that is read; each time another value."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self) -> int:
        self.read += 1
        return self.read


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def kept(clock):
    return KeptBlocks(clock)


@contextmanager
def listening(kept: KeptBlocks, clock: Time) -> Iterator[None]:
    """Changes are told of, and have been for a while."""
    with kept.told_of_changes():
        clock.now += SETTLE_SECONDS
        yield


def test_a_block_is_read_once_while_changes_are_told(kept, clock):
    shelf = Shelf()
    with listening(kept, clock):
        assert [kept.get("a", shelf), kept.get("a", shelf)] == [1, 1]


def test_where_no_changes_are_told_it_is_read_each_time(kept):
    shelf = Shelf()
    assert [kept.get("a", shelf), kept.get("a", shelf)] == [1, 2]


def test_what_is_read_as_soon_as_changes_are_told_may_be_older_than_that_and_is_not_kept(kept):
    shelf = Shelf()
    with kept.told_of_changes():
        assert [kept.get("a", shelf), kept.get("a", shelf)] == [1, 2]


def test_after_a_change_it_is_read_again(kept, clock):
    shelf = Shelf()
    with listening(kept, clock):
        kept.get("a", shelf)
        kept.forget()
        clock.now += SETTLE_SECONDS
        assert [kept.get("a", shelf), kept.get("a", shelf)] == [2, 2]


def test_what_is_read_while_a_change_may_not_be_committed_yet_is_not_kept(kept, clock):
    shelf = Shelf()
    with listening(kept, clock):
        kept.forget()
        clock.now += SETTLE_SECONDS - 0.1
        assert [kept.get("a", shelf), kept.get("a", shelf)] == [1, 2]


def test_what_was_begun_to_be_read_before_a_change_is_not_kept(kept, clock):
    def changed_meanwhile() -> str:
        kept.forget()
        clock.now += SETTLE_SECONDS
        return "old"

    with listening(kept, clock):
        assert kept.get("a", changed_meanwhile) == "old"
        assert kept.get("a", lambda: "new") == "new"


def test_what_was_kept_is_forgotten_when_the_stream_of_changes_breaks_off(kept, clock):
    shelf = Shelf()
    for _ in range(2):
        with listening(kept, clock):
            kept.get("a", shelf)
    assert shelf.read == 2


def test_it_is_read_again_after_a_minute_whatever_was_told(kept, clock):
    shelf = Shelf()
    with listening(kept, clock):
        kept.get("a", shelf)
        clock.now += KEPT_SECONDS
        assert kept.get("a", shelf) == 2


def test_a_block_that_is_not_there_is_looked_for_each_time(kept, clock):
    def missing() -> None:
        raise NotFound("no blueprint is named 'x'")

    with listening(kept, clock):
        with pytest.raises(NotFound):
            kept.get("a", missing)
        assert kept.get("a", lambda: "made since") == "made since"


def test_of_many_that_want_one_at_once_one_reads_it(kept, clock):
    shelf, together = Shelf(), threading.Barrier(8)

    def want() -> None:
        together.wait()
        kept.get("a", shelf)

    with listening(kept, clock):
        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shelf.read == 1
