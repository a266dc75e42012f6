"""Images, leases and ticks in the store, on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pool.decisions import Decision, DecisionKind, LeftUndone
from pool.errors import NotFound
from pool.records import FlavorSize, Image
from tests.rigs.pool_data import NOW, claim, later

pytestmark = pytest.mark.contract

MINIMAL = Image("main", "minimal", "sha256:a", size=3_000_000_000, layers=("sha256:1", "sha256:2"), archive="m.tar")


def test_an_image_is_read_back_as_it_was_put(store):
    store.images.put(MINIMAL)
    assert store.images.get("main", "minimal") == MINIMAL
    assert store.images.offered("main") == [MINIMAL]


def test_a_newer_image_takes_the_place_of_the_one_of_its_name(store):
    store.images.put(MINIMAL)
    newer = Image("main", "minimal", "sha256:b", size=1)
    store.images.put(newer)
    assert store.images.offered("main") == [newer]


def test_an_unknown_image_is_named_together_with_the_known_ones(store):
    with pytest.raises(NotFound, match="pool main offers no image named jupiter; known: none"):
        store.images.get("main", "jupiter")
    store.images.put(MINIMAL)
    with pytest.raises(NotFound, match="pool gpu offers no image named minimal; known: none"):
        store.images.get("gpu", "minimal")
    with pytest.raises(NotFound, match="pool main offers no image named jupiter; known: minimal"):
        store.images.get("main", "jupiter")


def test_retiring_an_image_twice_is_harmless(store):
    store.images.put(MINIMAL)
    for _ in range(2):
        store.images.retire("main", "minimal", NOW)
    assert store.images.offered("main") == []
    assert store.images.catalogue("main") == [replace(MINIMAL, retired_at=NOW)]


def test_a_retired_image_is_refused_with_the_day_and_offered_again_when_it_is_put(store):
    store.images.put(MINIMAL)
    store.images.retire("main", "minimal", NOW)
    with pytest.raises(NotFound, match="offers the image minimal no more: it was retired at 2026-01-05 08:00 UTC"):
        store.images.get("main", "minimal")
    store.images.put(MINIMAL)
    assert store.images.get("main", "minimal") == MINIMAL


def test_an_image_whose_archive_is_gone_is_on_record_without_it(store):
    store.images.put(MINIMAL)
    store.images.retire("main", "minimal", NOW)
    store.images.retire("main", "minimal", later(60), archive_gone=True)
    assert store.images.catalogue() == [replace(MINIMAL, archive="", retired_at=NOW)]


def test_every_version_is_kept_and_the_one_that_is_offered_comes_first(store):
    versions = [replace(MINIMAL, id=f"sha256:{name}", digest=f"sha256:d-{name}") for name in "aba"]
    for version in versions:
        store.images.put(version)
    store.images.put(replace(versions[0], looked_at=NOW))
    found = store.images.versions("main", "minimal")
    assert [(image.id, image.digest) for image in found] == [("sha256:a", "sha256:d-a"), ("sha256:b", "sha256:d-b")]
    assert found[0].layers == MINIMAL.layers
    assert store.images.versions("main", "other") == []


def test_the_ids_of_all_versions_are_known_whatever_pool_offers_them_or_does_no_more(store):
    for pool, name in (("main", "a"), ("main", "b"), ("gpu", "b"), ("gpu", "c")):
        store.images.put(replace(MINIMAL, pool=pool, id=f"sha256:{name}"))
    store.images.retire("gpu", "minimal", NOW)
    assert store.images.version_ids() == {"sha256:a", "sha256:b", "sha256:c"}


def test_the_store_knows_which_host_has_which_image(store):
    for run in ("run-1", "run-2"):
        claim(store, run)
    for host, image in (("main-01", "sha256:a"), ("main-01", "sha256:b"), ("main-02", "sha256:a")):
        store.images.mark(host, image, NOW)
    assert store.images.on_host("main-01") == {"sha256:a", "sha256:b"}
    assert store.images.hosts_with("sha256:a") == {"main-01", "main-02"}


def test_marking_twice_is_harmless_and_so_is_unmarking_what_was_not_marked(store):
    for run in ("run-1", "run-2"):
        claim(store, run)
    for host in ("main-01", "main-01", "main-02"):
        store.images.mark(host, "sha256:a", NOW)
    store.images.unmark("main-02", "sha256:other")
    store.images.unmark("main-01", "sha256:a")
    assert store.images.hosts_with("sha256:a") == {"main-02"}


def test_one_image_of_one_host_is_forgotten(store):
    for run in ("run-1", "run-2"):
        claim(store, run)
    for host, image in (("main-01", "sha256:a"), ("main-01", "sha256:b"), ("main-02", "sha256:a")):
        store.images.mark(host, image, NOW)
    store.images.unmark("main-01", "sha256:a")
    assert store.images.by_host("main") == {"main-01": {"sha256:b"}, "main-02": {"sha256:a"}}


def test_of_several_leases_each_holder_gets_another_until_none_is_left(store):
    places = ["place 1", "place 2"]
    taken = [store.leases.take_any(places, holder, 60, NOW) for holder in ("ann", "bob", "eve")]
    assert taken == ["place 1", "place 2", None]
    assert store.leases.holders(places, NOW) == {"place 1": "ann", "place 2": "bob"}
    store.leases.drop("place 1", "ann")
    assert store.leases.take_any(places, "eve", 60, NOW) == "place 1"
    assert store.leases.take_any(places, "joe", 60, later(61)) == "place 1"
    assert store.leases.holders(places, later(61)) == {"place 1": "joe"}


def test_one_holder_at_a_time_has_a_lease(store):
    assert store.leases.take("housekeep-main", "ann", 60, NOW) is None
    assert store.leases.take("housekeep-main", "bob", 60, later(59)) == "ann"
    assert store.leases.take("housekeep-gpu", "bob", 60, NOW) is None


def test_a_lease_is_renewed_by_its_holder(store):
    store.leases.take("housekeep-main", "ann", 60, NOW)
    assert store.leases.take("housekeep-main", "ann", 60, later(30)) is None
    assert store.leases.take("housekeep-main", "bob", 60, later(89)) == "ann"


def test_a_lease_of_a_clock_that_was_ahead_is_over_in_its_time_after_the_first_who_asks(store):
    store.leases.take("housekeep-main", "ann", 60, later(7200))
    assert store.leases.take("housekeep-main", "bob", 60, NOW) == "ann"
    assert store.leases.take("housekeep-main", "bob", 60, later(59)) == "ann"
    assert store.leases.take("housekeep-main", "bob", 60, later(60)) is None


def test_a_holder_that_lives_keeps_its_lease_though_its_clock_is_ahead(store):
    store.leases.take("housekeep-main", "ann", 60, later(7200))
    store.leases.take("housekeep-main", "bob", 60, NOW)
    assert store.leases.take("housekeep-main", "ann", 60, later(7220)) is None
    assert store.leases.take("housekeep-main", "bob", 60, later(61)) == "ann"


def test_of_several_leases_none_is_held_for_longer_either(store):
    store.leases.take("place 1", "ann", 60, later(7200))
    assert store.leases.take_any(["place 1"], "bob", 60, NOW) is None
    assert store.leases.take_any(["place 1"], "bob", 60, later(60)) == "place 1"


def test_an_expired_lease_goes_to_the_next_that_asks(store):
    store.leases.take("housekeep-main", "ann", 60, NOW)
    assert store.leases.take("housekeep-main", "bob", 60, later(60)) is None
    assert store.leases.take("housekeep-main", "ann", 60, later(61)) == "bob"


def test_only_its_holder_drops_a_lease(store):
    store.leases.take("housekeep-main", "ann", 60, NOW)
    store.leases.drop("housekeep-main", "bob")
    assert store.leases.take("housekeep-main", "bob", 60, NOW) == "ann"
    store.leases.drop("housekeep-main", "ann")
    assert store.leases.take("housekeep-main", "bob", 60, NOW) is None


def test_decisions_are_found_by_what_they_are_about_newest_first(store):
    drain = Decision(DecisionKind.DRAIN, "main-01", "past its lifetime")
    remove = Decision(DecisionKind.REMOVE, "main-01", "no session is left on it")
    spawn = Decision(DecisionKind.SPAWN, "main", "0 free slots, 4 wanted", FlavorSize.SMALL)
    first = store.ticks.record("main", [drain, spawn], NOW)
    second = store.ticks.record("main", [remove], later(30))
    about = store.ticks.decisions("main-01")
    assert [(found.decision, found.tick, found.at) for found in about] == [
        (remove, second, later(30)),
        (drain, first, NOW),
    ]
    assert [found.decision for found in store.ticks.decisions(limit=2)] == [remove, spawn]


def test_the_latest_decisions_of_a_pool_are_found_however_many_another_one_makes(store):
    decided = {pool: Decision(DecisionKind.WAIT, pool, "no quota") for pool in ("main", "gpu")}
    store.ticks.record("gpu", [decided["gpu"]], NOW)
    store.ticks.record("main", [decided["main"]] * 3, later(30))
    assert [found.decision for found in store.ticks.decisions(limit=2, pool="gpu")] == [decided["gpu"]]


def test_a_tick_without_decisions_is_recorded_too(store):
    assert store.ticks.record("main", [], later(1)) < store.ticks.record("main", [], later(2))
    assert store.ticks.decisions() == []


def test_what_a_pools_ticks_left_undone_is_known_for_a_while(store):
    first = store.ticks.record("main", [], NOW)
    store.ticks.record("main", [], later(30))  # it still runs
    assert store.ticks.left_undone("main", later(31)) is None
    store.ticks.note_left(first, "remove main-01: the cloud is away")
    assert store.ticks.left_undone("main", later(31)) == LeftUndone(NOW, "remove main-01: the cloud is away")
    assert store.ticks.left_undone("gpu", later(31)) is None
    assert store.ticks.left_undone("main", later(121)) is None


def test_old_ticks_of_a_pool_are_forgotten_with_their_decisions(store):
    drain = Decision(DecisionKind.DRAIN, "main-01", "past its lifetime")
    for pool in ("main", "gpu"):
        store.ticks.record(pool, [drain], NOW)
    store.ticks.record("main", [], NOW + timedelta(days=91))
    assert [found.pool for found in store.ticks.decisions()] == ["gpu"]
