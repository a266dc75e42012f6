"""What an operator does to hosts, in the store: drain, return, forgive; and what is known of how a host began."""

import pytest
from sqlalchemy import create_engine, text

from pool.errors import NotFound, RefusedMove
from pool.records import Fault
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, ask, claim, claim_active, later, place

pytestmark = pytest.mark.contract


def test_a_drained_host_keeps_its_sessions_and_knows_until_when(store):
    claim_active(store)
    ask(store)
    place(store)
    drained = store.hosts.drain("main-01", later(9), "new kernel", deadline=later(600))
    assert (drained.state, drained.reason, drained.drain_deadline) == (HostState.DRAINING, "new kernel", later(600))
    assert (drained.reserved, drained.state_since) == (1, later(9))


def test_a_second_drain_changes_the_deadline_not_since_when_it_drains(store):
    claim_active(store)
    store.hosts.drain("main-01", later(9), "new kernel", deadline=later(600))
    again = store.hosts.drain("main-01", later(60), "no hurry")
    assert (again.state_since, again.reason, again.drain_deadline) == (later(9), "no hurry", None)


@pytest.mark.parametrize("state", [HostState.SPAWNING, HostState.FAILED])
def test_a_host_that_serves_no_session_is_not_drained(store, state):
    claim(store)
    before = store.hosts.move("main-01", state, NOW)
    with pytest.raises(RefusedMove, match=f"host main-01 cannot go from {state} to draining"):
        store.hosts.drain("main-01", NOW, "new kernel")
    assert store.hosts.get("main-01") == before


def test_a_returned_host_is_active_without_errors_and_begins_its_lifetime_anew(store):
    claim_active(store)
    ask(store)
    place(store)
    store.hosts.count_error("main-01", "no answer", NOW)
    store.hosts.drain("main-01", later(9), "new kernel", deadline=later(600))
    host = store.hosts.return_to_service("main-01", later(60), "the kernel is there")
    assert (host.state, host.errors, host.drain_deadline, host.active_at) == (HostState.ACTIVE, 0, None, NOW)
    assert host.first_used_at == later(60)


def test_only_a_draining_host_that_was_once_active_is_returned(store):
    claim_active(store)
    with pytest.raises(RefusedMove, match="host main-01 is active: only a draining host is returned"):
        store.hosts.return_to_service("main-01", NOW, "")
    claim(store, "run-2")
    store.hosts.move("main-02", HostState.CONFIGURING, NOW)
    store.hosts.drain("main-02", NOW, "not wanted")
    with pytest.raises(RefusedMove, match="host main-02 was never configured to its end"):
        store.hosts.return_to_service("main-02", NOW, "")
    with pytest.raises(NotFound, match="no host is named h-07"):
        store.hosts.return_to_service("h-07", NOW, "")


def test_the_run_that_configured_a_host_does_not_bring_it_back_from_a_drain(store):
    claim_active(store)
    drained = store.hosts.drain("main-01", NOW, "new kernel")
    with pytest.raises(RefusedMove, match=r"host main-01 drains \(new kernel\): return-host alone brings it back"):
        store.hosts.move("main-01", HostState.ACTIVE, NOW)
    assert store.hosts.get("main-01") == drained


def test_a_host_is_idle_from_when_its_last_session_left(store):
    claim_active(store)
    for name in ("alice-1", "bob-1"):
        ask(store, name)
        place(store, name)
    idle_since = []
    for name in ("alice-1", "bob-1"):
        store.instances.move(name, InstanceState.FAILED, later(60))
        idle_since.append(store.hosts.get("main-01").idle_since)
    assert idle_since == [None, later(60)]
    ask(store, "carol-1")
    place(store, "carol-1", "main-01", later(90))
    assert store.hosts.get("main-01").idle_since is None


def test_a_failed_beginning_is_known_with_its_reason_until_the_operator_forgives_it(store):
    claim(store)
    claim(store, "run-2", pool="gpu")
    for name in ("main-01", "gpu-01"):
        store.hosts.move(name, HostState.FAILED, later(9), "no valid host", fault=Fault.LAUNCH)
    host = store.hosts.get("main-01")
    assert (host.fault, host.last_error, host.last_error_at) == (Fault.LAUNCH, "no valid host", later(9))
    assert store.hosts.forgive_faults("main") == 1
    assert (store.hosts.get("main-01").fault, store.hosts.get("gpu-01").fault) == (None, Fault.LAUNCH)


def test_a_row_that_cannot_be_read_spoils_its_own_pool_alone(store, store_url):
    claim_active(store)
    claim(store, "run-2", pool="gpu")
    with create_engine(store_url).begin() as connection:
        connection.execute(text("UPDATE hosts SET state = 'of another version' WHERE pool = 'gpu'"))
    with pytest.raises(LookupError):
        store.hosts.all("gpu")
    assert store.hosts.pools() == ["gpu", "main"]
    assert [host.name for host in store.hosts.all("main")] == ["main-01"]
    assert claim(store, "run-3").name == "main-02"


def test_a_host_knows_when_it_first_answered(store):
    claim(store)
    assert store.hosts.move("main-01", HostState.CONFIGURING, later(30)).answered_at == later(30)
