"""Launches that fail: back-off, the circuit breaker and its trials, and what is said of them."""

from dataclasses import replace

import pytest

from pool.decisions import DecisionKind
from pool.hosts.launching import launch_troubles
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.records import Fault, FlavorSize
from pool.settings import PoolSettings
from pool.states import HostState
from tests.rigs.pool_data import NOW, a_host, later

pytestmark = pytest.mark.unit

SMALL, LARGE = FlavorSize.SMALL, FlavorSize.LARGE


def decided(hosts, now=NOW, **settings):
    usual = {"free_slot_target": 0, "max_hosts": 20}
    return hosts_to_spawn(Situation(list(hosts), PoolSettings(**usual | settings), now))


def spawned(*args, **more) -> list[FlavorSize]:
    return [decision.flavor for decision in decided(*args, **more) if decision.kind is DecisionKind.SPAWN]


def waits(*args, **more) -> str:
    """What stands in the way; empty when nothing does."""
    return next((decision.reason for decision in decided(*args, **more) if decision.kind is DecisionKind.WAIT), "")


def a_failed_launch(number: int, began: float, failed: float, fault=Fault.LAUNCH):
    error = {"last_error": f"no valid host for main-{number}", "last_error_at": later(failed)}
    return a_host(f"main-{number}", state=HostState.REMOVED, created_at=later(began), fault=fault, **error)


def wait_after(*failed) -> int:
    """Seconds from the last failure to the next launch."""
    last = max(host.last_error_at for host in failed)
    moments = ((s, last.fromtimestamp(last.timestamp() + s, last.tzinfo)) for s in range(4000))
    seconds = (s for s, moment in moments if spawned(failed, now=moment, free_slot_target=1))
    return next(seconds)


def test_each_failed_launch_in_a_row_doubles_the_wait_with_some_chance_in_it_up_to_half_an_hour():
    failed = [a_failed_launch(n, began=n * 4000, failed=n * 4000 + 10) for n in range(12)]
    for rounds, most in ((1, 30), (2, 60), (3, 120), (6, 960), (12, 1800)):
        assert most / 2 <= wait_after(*failed[:rounds]) <= most


def test_launches_that_fail_together_count_as_one_round():
    assert wait_after(*(a_failed_launch(n, began=0, failed=10 + n) for n in range(8))) <= 30


def test_a_refused_launch_is_not_repeated_as_if_it_would_pass():
    assert wait_after(a_failed_launch(1, 0, 10, Fault.REFUSED)) >= 900


def test_while_launches_fail_one_host_at_a_time_is_tried_and_the_wait_says_when():
    failed = a_failed_launch(1, 0, 10)
    assert len(spawned([failed], now=later(60), free_slot_target=99)) == 1
    assert waits([failed], now=later(11), free_slot_target=99).startswith("the cloud is asked again at 08:00:")
    assert waits([failed], now=later(11), free_slot_target=99).endswith(" UTC: no valid host for main-1")


def test_a_host_that_answers_ends_the_setback():
    answered = a_host("main-2", answered_at=later(20), reserved=6)
    assert spawned([a_failed_launch(1, 0, 30), answered], now=later(31), free_slot_target=99) == []
    assert len(spawned([a_failed_launch(1, 0, 10), answered], now=later(31), free_slot_target=99)) == 5


def broken(*failed: float):
    """Hosts whose playbook failed at these seconds."""
    return [
        a_host(f"main-{n}", state=HostState.REMOVED, fault=Fault.CONFIGURING, last_error_at=later(at),
               last_error=f"host main-{n}: playbook failed at 'Install Docker'")
        for n, at in enumerate(failed)
    ]  # fmt: skip


def test_three_hosts_in_a_row_whose_playbook_failed_stop_spawning():
    assert spawned(broken(1, 2), free_slot_target=4) == [SMALL]
    assert spawned(broken(1, 2, 3), now=later(100), free_slot_target=4) == []
    told = waits(broken(1, 2, 3), now=later(100), free_slot_target=4)
    assert told.startswith(
        "circuit breaker: 3 hosts in a row could not be configured, the last: host main-2: playbook failed at"
        " 'Install Docker'; one host is tried at 08:0"
    )
    assert told.endswith(" UTC, reset-breaker lets the pool spawn again at once")


def test_an_open_breaker_is_half_open_from_time_to_time_one_host_tries_at_growing_intervals():
    hosts, last, waits_seen = broken(1, 2, 3), 3, []
    for trial in range(6):
        wait = next(s for s in range(0, 4000, 10) if spawned(hosts, now=later(last + s), free_slot_target=99))
        assert len(spawned(hosts, now=later(last + wait), free_slot_target=99)) == 1
        waits_seen.append(wait)
        last += wait + 60
        tried = {"created_at": later(last - 60), "last_error_at": later(last), "fault": Fault.CONFIGURING}
        hosts.append(a_host(f"main-{10 + trial}", state=HostState.REMOVED, **tried))
    assert all(most / 2 <= seconds <= most for seconds, most in zip(waits_seen, TRIALS, strict=True))


TRIALS = (300, 600, 1200, 2400, 3600, 3600)


def test_while_one_host_is_tried_no_other_is():
    hosts = [*broken(1, 2, 3), a_host("main-9", state=HostState.CONFIGURING, created_at=later(400))]
    assert spawned(hosts, now=later(500), free_slot_target=99) == []
    assert waits(hosts, now=later(500), free_slot_target=99).startswith("circuit breaker")


def test_an_open_breaker_is_shown_also_while_no_host_is_wanted():
    assert waits(broken(1, 2, 3), free_slot_target=0).startswith("circuit breaker")


def test_a_host_that_becomes_active_or_an_operator_that_forgives_closes_the_breaker():
    works = a_host("main-9", active_at=later(4), reserved=6)
    assert spawned([*broken(1, 2, 3), works], free_slot_target=4) == [LARGE]
    assert spawned([*broken(1, 2), works, *broken(5, 6)], free_slot_target=4) == [LARGE]
    forgiven = [a_host(state=HostState.REMOVED, last_error="it failed", last_error_at=later(3))] * 3
    assert spawned(forgiven, free_slot_target=4) == [SMALL]


def test_the_status_names_each_pool_that_spawns_nothing_and_why():
    in_gpu = [replace(host, pool="gpu") for host in broken(1, 2, 3)]
    failing, well = a_failed_launch(1, 0, 10), a_host("cpu-1", pool="cpu")
    gpu, main = launch_troubles([*in_gpu, failing, well], later(11))
    assert gpu.startswith("Pool gpu: circuit breaker: 3 hosts in a row")
    assert main.startswith("Pool main: the cloud is asked again at 08:00:")
    assert launch_troubles([failing, well], later(60)) == []
