"""What the store forgets, and what it keeps however old it is."""

import pytest

from pool.hosts.launching import breaker, setback
from pool.records import Fault, Image
from pool.states import HostState, InstanceState
from pool.store.hosts.host_store import FAULTS, REMEMBERED
from pool.store.images import KEPT_VERSIONS
from tests.rigs.pool_data import NOW, ask, claim, claim_active, later, place, run

pytestmark = pytest.mark.contract

OLD = later(3600)


def removed(store, run: str, at=NOW):
    host = claim(store, run, max_hosts=999)
    for state in (HostState.FAILED, HostState.REMOVING, HostState.REMOVED):
        store.hosts.move(host.name, state, at)
    return host


def failed(store, run: str, at, fault: Fault = Fault.CONFIGURING):
    host = claim(store, run, max_hosts=9999)
    store.hosts.move(host.name, HostState.FAILED, at, reason="no", fault=fault)
    for state in (HostState.REMOVING, HostState.REMOVED):
        store.hosts.move(host.name, state, at)
    return host


@pytest.mark.parametrize("end", [InstanceState.DELETED, InstanceState.FAILED])
def test_a_sessions_token_is_cleared_when_it_ends_and_not_before(store, end):
    claim_active(store)
    ask(store)
    place(store)
    run(store)
    assert store.instances.move("alice-1", InstanceState.STOPPING, NOW).token
    assert store.instances.move("alice-1", end, NOW).token == ""
    assert store.instances.get("alice-1").token == ""


def test_sessions_that_ended_long_ago_are_forgotten_and_living_ones_never(store):
    for name in ("long-over", "just-over", "waits"):
        ask(store, name)
    store.instances.move("long-over", InstanceState.FAILED, NOW)
    store.instances.move("just-over", InstanceState.FAILED, OLD)
    assert store.instances.forget(OLD) == 1
    assert {one.id for one in store.instances.all()} == {"just-over", "waits"}
    assert store.instances.forget(OLD) == 0


def test_hosts_that_were_removed_long_ago_are_forgotten_and_no_name_is_given_twice(store):
    for spawned_by in ("1", "2"):
        removed(store, spawned_by)
    assert store.hosts.forget(OLD) == 1
    assert claim(store, "3").name == "main-03"
    assert store.hosts.forget(OLD) == 1
    assert [host.name for host in store.hosts.all()] == ["main-03"]


def test_a_tick_reads_the_latest_failures_and_not_every_host_that_ever_failed(store):
    for number in range(FAULTS + 20):
        failed(store, f"run-{number}", later(number))
    seen = store.hosts.recent("main", later(200) + REMEMBERED)
    assert len(seen) == FAULTS
    assert seen[-1].name == f"main-{FAULTS + 20}"


def test_a_breaker_that_opened_long_ago_still_holds(store):
    for number in range(3):
        failed(store, f"run-{number}", later(number))
    assert breaker(store.hosts.recent("main", later(10) + 9 * REMEMBERED))


def test_failures_before_a_host_that_became_active_count_no_more_when_that_host_is_long_gone(store):
    for number in range(3):
        failed(store, f"run-{number}", later(number))
    host = claim(store, "good", max_hosts=99)
    for number, state in enumerate(("configuring", "active", "failed", "removing", "removed")):
        store.hosts.move(host.name, HostState(state), later(10 + number))
    seen = store.hosts.recent("main", later(100) + 9 * REMEMBERED)
    assert (seen, breaker(seen), setback(seen)) == ([], None, None)


def test_old_versions_of_an_image_are_forgotten_but_for_those_that_something_needs(store):
    for number in range(KEPT_VERSIONS + 5):
        store.images.put(Image("main", "minimal", f"sha256:{number}", size=1, digest=f"sha256:m{number}"))
    claim_active(store)
    store.images.mark("main-01", "sha256:0", NOW)
    assert store.images.forget_versions("main", {("minimal", "sha256:1"), ("minimal", "sha256:m2")}) == 2
    left = {image.id for image in store.images.versions("main", "minimal")}
    assert {"sha256:0", "sha256:1", "sha256:2"} < left
    assert not {"sha256:3", "sha256:4"} & left
