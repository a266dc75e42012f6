"""The records that drivers keep, on both databases."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from pool.drivers.state import MOST_BYTES
from pool.errors import VersionConflict
from tests.rigs.pool_data import NOW, later
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract

VALUES: list[Any] = [None, True, 0, -1.5, 2**80, "", "\0 in a text", "\U0001f40b '", [], {}, {"ä": [1, {"b": None}]}]


def put(store, key="a", value=1, now=NOW, **more):
    return store.driver_state.put("Batch", key, value, now, **more)


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_comes_back_as_it_was_written(store, value):
    written = put(store, value=value)
    assert store.driver_state.find("Batch", "a", NOW) == written
    assert (written.value, written.version, written.written_at) == (value, 1, NOW)


def test_a_value_of_1_mb_is_kept(store):
    put(store, value="v" * (MOST_BYTES - 2))
    assert len(store.driver_state.find("Batch", "a", NOW).value) == MOST_BYTES - 2


def test_namespaces_do_not_see_each_other(store):
    put(store)
    store.driver_state.put("Other", "a", 2, NOW)
    store.driver_state.delete("Other", "a", NOW)
    assert store.driver_state.find("Batch", "a", NOW).value == 1


@pytest.mark.parametrize(("wanted", "sentence"), [(0, "has version 1, and it was to be made"), (7, "has version 1")])
def test_a_record_of_another_version_is_left_as_it_is(store, wanted, sentence):
    put(store)
    with pytest.raises(VersionConflict, match=f"state of Batch: key a {sentence}"):
        put(store, value=2, version=wanted)
    with pytest.raises(VersionConflict):
        store.driver_state.delete("Batch", "a", NOW, version=7)
    assert store.driver_state.find("Batch", "a", NOW).value == 1


def test_a_record_that_was_deleted_and_made_anew_has_none_of_its_old_versions(store):
    old = put(store)
    assert store.driver_state.delete("Batch", "a", NOW, version=old.version)
    new = put(store, version=0)
    assert new.version > old.version
    with pytest.raises(VersionConflict):
        put(store, version=old.version)


def test_one_that_has_expired_is_not_there_before_it_is_pruned_and_after(store):
    first = put(store, expires_in=60)
    put(store, "b")
    assert [store.driver_state.find("Batch", "a", later(second)) is None for second in (59, 60)] == [False, True]
    assert [one.key for one in store.driver_state.list("Batch", later(60))] == ["b"]
    with pytest.raises(VersionConflict, match="is not there, and version 1 was to be changed"):
        put(store, now=later(60), version=first.version)
    assert [store.driver_state.forget_expired(later(second)) for second in (59, 60, 61)] == [0, 1, 0]


def test_a_write_has_a_time_of_its_own(store):
    put(store, expires_in=60)
    put(store, now=later(30))
    assert store.driver_state.forget_expired(later(3600)) == 0


def test_a_list_is_by_key_and_prefix_in_which_no_character_stands_for_others(store):
    for key in ("jobs/2", "jobs/10", "Jobs/1", "jobs_1", "job%", "jobs/é", "jobs"):
        put(store, key)
    assert [one.key for one in store.driver_state.list("Batch", NOW, "jobs/")] == ["jobs/10", "jobs/2", "jobs/é"]
    assert [one.key for one in store.driver_state.list("Batch", NOW, "job%")] == ["job%"]
    assert [one.key for one in store.driver_state.list("Batch", NOW, "jobs_")] == ["jobs_1"]
    assert len(store.driver_state.list("Batch", NOW)) == 7


def test_a_long_list_comes_in_pages(store):
    for number in range(5):
        put(store, f"k{number}")
    first = store.driver_state.list("Batch", NOW, "k", limit=3)
    rest = store.driver_state.list("Batch", NOW, "k", limit=3, after=first[-1].key)
    assert [one.key for one in [*first, *rest]] == ["k0", "k1", "k2", "k3", "k4"]


def test_of_many_that_make_or_change_one_record_at_once_one_does(store):
    made = at_once(8, lambda number: put(store, value=number, version=0))
    there = store.driver_state.find("Batch", "a", NOW)
    assert [one for one in made if not isinstance(one, VersionConflict)] == [there]
    changed = at_once(8, lambda number: put(store, value=number, version=there.version))
    assert sum(not isinstance(one, VersionConflict) for one in changed) == 1


def _nth(calls: list[Callable], which: int) -> object:
    return calls[which]()


def test_of_a_deletion_and_a_change_of_one_version_at_once_one_happens(store):
    for number in range(10):
        old = put(store, f"k{number}", version=0)
        calls: list[Callable] = [
            partial(put, store, old.key, version=old.version),
            partial(store.driver_state.delete, "Batch", old.key, NOW, version=old.version),
        ]
        results = at_once(2, partial(_nth, calls))
        assert sum(isinstance(one, VersionConflict) for one in results) == 1
