"""A real Prometheus scrapes the stack: what dashboard and alerts ask for is there."""

import subprocess
from collections.abc import Iterator

import pytest
import yaml

from pool.states import HostState
from tests.rigs.services.prometheus import MONITORING, QUERIES, Prometheus, scraping
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

OF_FAILURES = "dockerdriver_sessions_failed_day"  # of which a good day has none


@pytest.fixture(scope="module")
def prometheus(stack, tmp_path_factory) -> Iterator[Prometheus]:
    """One that has scraped the stack, whose first session was started since its worker began."""
    target = f"127.0.0.1:{stack.settings['DD_METRICS_PORT']}"
    with scraping(target, tmp_path_factory.mktemp("prometheus")) as prometheus:
        until(lambda: prometheus.values("dockerdriver_session_start_seconds_count"), "a start was counted", 60)
        yield prometheus


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_of_the_dashboard_has_an_answer(prometheus, query):
    """A rate wants two scrapes at least."""
    until(lambda: prometheus.values(query) or OF_FAILURES in query, f"{query} has an answer", 30)


def test_slots_are_those_of_the_pool(prometheus, stack):
    hosts = stack.records.hosts.all("main", [HostState.ACTIVE])
    assert prometheus.values("sum(dockerdriver_slots)") == [sum(host.slots for host in hosts)]


def test_a_start_is_counted_once_for_each_phase_that_it_came_through(prometheus, stack):
    (first,) = stack.records.timings.since(min(one.created_at for one in stack.records.instances.all()))[:1]
    counted = "sum by (phase) (dockerdriver_session_start_seconds_count)"
    phases = {one["metric"]["phase"] for one in prometheus.series(f"{counted} > 0")}
    assert {str(phase) for phase in first.moments} - {"accepted"} | {"whole"} <= phases


def test_each_alert_is_evaluated_and_a_stack_at_rest_raises_none(prometheus):
    wanted = {rule["alert"] for rule in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]}
    until(lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, "each alert was evaluated", 30)
    assert {rule["name"] for rule in prometheus.rules()} == wanted
    assert [rule["name"] for rule in prometheus.rules() if rule["state"] == "firing"] == []


def test_each_alert_is_raised_when_its_tests_say():
    checked = subprocess.run(
        ["promtool", "test", "rules", MONITORING / "alerts_test.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
