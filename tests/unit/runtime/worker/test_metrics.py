"""What Prometheus is told, and that dashboard and alerts ask for nothing else."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

import docs
from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from pool.changes import Audience
from pool.errors import DatabaseAway, GatewayTrouble, Refused
from pool.reports.measures import LAUNCH_BOUNDS, PoolRecords, buckets, launches, measures_of
from pool.states import EndCause, InstanceState
from pool.store.pool_store import PoolStore
from runtime.worker.metrics import PoolCollector
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, a_host, an_instance, claim_active, later, place
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

MONITORING = Path(docs.__file__).parent / "monitoring"


class SeeingGateway(Gateway):
    """Saw one route with two websockets; or is away."""

    def __init__(self, away=False):
        self._away = away

    def activity(self):
        if self._away:
            raise GatewayTrouble("the gateway does not answer")
        return GatewayActivity(NOW, {"route": Activity(NOW, websockets=2)})


class AwayStore(PoolStore):
    """A database that does not answer."""

    def __init__(self):
        pass

    def check_current(self):
        raise DatabaseAway("it does not answer")


class OtherStore(AwayStore):
    """A database whose tables another version made."""

    def check_current(self):
        raise Refused("its tables are of another version")


def scraped(**ports) -> str:
    registry = CollectorRegistry()
    with standing_in(fake_outside(**ports)):
        registry.register(PoolCollector())
        return generate_latest(registry).decode()


@pytest.fixture
def store(tmp_path):
    """One host with one session that starts, one that runs, as was told in this moment, and one that failed."""
    store = new_store(tmp_path)
    claim_active(store)
    for name in ("ada-1", "ada-2", "ada-3"):
        store.instances.request(name, a_blueprint(), "ada", {}, NOW, accepted=NOW)
        place(store, name)
    store.instances.move("ada-2", InstanceState.FAILED, NOW, "it died", cause=EndCause.OUT_OF_MEMORY)
    store.instances.begin_to_run("ada-3", NOW, later(3600), {})
    told = [change.id for change in store.history.unpublished(Audience.PLATFORM)]
    store.history.mark_published(Audience.PLATFORM, told, NOW)
    yield store
    store.close()


def test_a_scrape_has_pools_sessions_and_the_gateway(store):
    text = scraped(store=store, gateway=SeeingGateway())
    for line in (
        'dockerdriver_hosts{pool="main",state="active"} 1.0',
        'dockerdriver_slots_free{pool="main"} 4.0',
        'dockerdriver_sessions{pool="main",state="starting"} 1.0',
        'dockerdriver_sessions_failed_day{cause="out-of-memory",pool="main"} 1.0',
        'dockerdriver_launch_seconds_count{pool="main"} 1.0',
        'dockerdriver_session_start_seconds_count{blueprint="jupyter",phase="told",pool="main",start="cold"} 1.0',
        "dockerdriver_gateway_websockets 2.0",
        "dockerdriver_database_up 1.0",
    ):
        assert line in text.splitlines(), text


def test_failures_are_those_of_one_pool_and_of_one_day(store):
    assert store.instances.failures("main", NOW) == {EndCause.OUT_OF_MEMORY: 1}
    assert store.instances.failures("gpu", NOW) == store.instances.failures("main", later(1)) == {}


def test_nothing_secret_is_in_a_scrape(store):
    text = scraped(store=store, gateway=SeeingGateway())
    assert not [word for one in store.instances.all() for word in (one.route, one.token) if word and word in text]


def test_a_database_and_a_gateway_that_are_away_are_numbers():
    lines = scraped(store=AwayStore(), gateway=SeeingGateway(away=True)).splitlines()
    assert "dockerdriver_database_up 0.0" in lines
    assert "dockerdriver_gateway_up 0.0" in lines


def test_slots_of_a_host_out_of_reach_are_not_free():
    hosts = [a_host(), a_host("main-02", unreachable_since=NOW)]
    queued = an_instance(state=InstanceState.QUEUED, host=None)
    told = {
        one.name: one.value for one in measures_of(PoolRecords("main", hosts, [queued], {}, [], 4, False), later(90))
    }
    assert (told["slots"], told["slots_free"], told["hosts_unreachable"]) == (12, 6, 1)
    assert told["queue_longest_wait_seconds"] == 90


def test_launches_are_counted_as_prometheus_counts_buckets():
    hosts = [a_host(active_at=NOW + timedelta(seconds=taken)) for taken in (20, 100, 5000)]
    counted = dict(buckets(launches([*hosts, a_host()])))
    assert (counted["15"], counted["30"], counted["120"], counted["+Inf"]) == (0, 1, 2, 3)
    assert len(counted) == len(LAUNCH_BOUNDS) + 1


@pytest.mark.parametrize("page", ["alerts.yml", "alerts_test.yml", "dashboard.json", "README.md"])
def test_whatever_asks_for_a_metric_asks_for_one_that_there_is(store, page):
    there = set(re.findall(r"^(dockerdriver_\w+)", scraped(store=store, gateway=SeeingGateway()), re.MULTILINE))
    asked = set(re.findall(r"dockerdriver_\w+", (MONITORING / page).read_text()))
    assert asked - there <= {"dockerdriver_launch_seconds", "dockerdriver_session_start_seconds"}  # as buckets


def test_every_alert_is_tested_and_says_what_to_do():
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    tested = (MONITORING / "alerts_test.yml").read_text()
    assert [rule["alert"] for rule in rules if rule["alert"] not in tested] == []
    assert all(rule["annotations"]["summary"] for rule in rules)


def test_a_database_of_another_version_is_one_line_of_the_log_and_counts_as_away(caplog):
    assert "dockerdriver_database_up 0.0" in scraped(store=OtherStore(), gateway=SeeingGateway())
    assert [one.message for one in caplog.records] == ["no metrics of the pools: its tables are of another version"]
