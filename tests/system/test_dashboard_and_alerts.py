"""A real Prometheus scrapes the stack: what dashboard and alerts ask for is there."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

import docs
from pool.states import HostState
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

MONITORING = Path(docs.__file__).parent / "monitoring"
OF_FAILURES = "dockerdriver_sessions_failed_day"  # of which a good day has none
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
QUERIES = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]


@pytest.fixture(scope="module")
def prometheus(stack, tmp_path_factory) -> Iterator[httpx.Client]:
    """A client of one that has scraped the stack, with our alert rules."""
    home, port = tmp_path_factory.mktemp("prometheus"), free_port()
    target = f"127.0.0.1:{stack.settings['DD_METRICS_PORT']}"
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [{"job_name": "dockerdriver", "static_configs": [{"targets": [target]}]}],
        "rule_files": [str(MONITORING / "alerts.yml")],
    }
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
    server = subprocess.Popen(["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}"])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False) as client:
            until(lambda: values(client, "dockerdriver_hosts"), "Prometheus has scraped the stack", 60)
            yield client
    finally:
        server.terminate()
        server.wait()


def values(client: httpx.Client, query: str) -> list[float]:
    """What a query gives now; nothing while Prometheus does not answer yet."""
    try:
        got = client.get("/query", params={"query": query})
    except httpx.HTTPError:
        return []
    if got.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # it reads its own files first
        return []
    answer = got.json()
    assert answer["status"] == "success", answer
    return [float(one["value"][1]) for one in answer["data"]["result"]]


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_of_the_dashboard_has_an_answer(prometheus, query):
    assert values(prometheus, query.replace("$pool", "main")) or OF_FAILURES in query


def test_slots_are_those_of_the_pool(prometheus, stack):
    hosts = stack.records.hosts.all("main", [HostState.ACTIVE])
    assert values(prometheus, "sum(dockerdriver_slots)") == [sum(host.slots for host in hosts)]


def test_each_alert_is_evaluated_and_a_stack_at_rest_raises_none(prometheus):
    wanted = {rule["alert"] for rule in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]}
    until(lambda: {rule["health"] for rule in rules(prometheus)} == {"ok"}, "each alert was evaluated", 30)
    assert {rule["name"] for rule in rules(prometheus)} == wanted
    assert [rule["name"] for rule in rules(prometheus) if rule["state"] == "firing"] == []


def rules(client: httpx.Client) -> list[dict]:
    return client.get("/rules").json()["data"]["groups"][0]["rules"]


def test_each_alert_is_raised_when_its_tests_say():
    checked = subprocess.run(
        ["promtool", "test", "rules", MONITORING / "alerts_test.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
