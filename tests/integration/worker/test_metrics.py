"""A real Prometheus scrapes what a warm worker serves: the starts of sessions, as the dashboard asks for them."""

from collections.abc import Iterator
from datetime import timedelta
from math import isnan

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from blocks.gateway.client import Gateway
from blocks.outside import Outside, standing_in
from pool.changes import Audience
from pool.errors import GatewayTrouble
from pool.sessions.timings import Phase
from pool.store.pool_store import PoolStore
from runtime.worker.metrics import ADDRESS, PoolCollector
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.pool_data import a_blueprint, claim_active, later, place
from tests.rigs.ports import free_port
from tests.rigs.services.databases import new_store
from tests.rigs.services.prometheus import QUERIES, Prometheus, scraping
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

OF_STARTS = [query for query in QUERIES if "session_start" in query]
STEPS = {Phase.TURN: 1, Phase.CREATED: 2, Phase.STARTED: 3, Phase.ANSWERING: 9}  # seconds after it has room
COUNT = "dockerdriver_session_start_seconds_count"


class AwayGateway(Gateway):
    """Does not answer."""

    def __init__(self) -> None:
        pass

    def activity(self):
        raise GatewayTrouble("it is away")


class Served(PoolCollector):
    """A collector behind the test's door in each thread that answers a scrape."""

    def __init__(self, door: Outside) -> None:
        self._door = door
        with standing_in(door):
            super().__init__()

    def collect(self):
        with standing_in(self._door):
            yield from super().collect()


def start(store: PoolStore, name: str, now) -> None:
    """A session that answers nine seconds after it has room, as is told two seconds later."""
    since = lambda seconds: now + timedelta(seconds=seconds)  # noqa: E731 - short
    store.instances.request(name, a_blueprint(), "ada", {}, now, accepted=now)
    place(store, name, now=now)
    moments = {phase: since(seconds) for phase, seconds in STEPS.items()}
    store.instances.begin_to_run(name, since(9), since(3600), moments)
    store.timings.note_first(name, Phase.ROUTED, since(10))
    told = [change.id for change in store.history.unpublished(Audience.PLATFORM)]
    store.history.mark_published(Audience.PLATFORM, told, since(11))


@pytest.fixture
def store(tmp_path) -> Iterator[PoolStore]:
    """With one session whose start was told before the worker began."""
    store = new_store(tmp_path)
    claim_active(store, slots=24)
    start(store, "ada-0", later(-60))
    yield store
    store.close()


@pytest.fixture
def prometheus(store, tmp_path) -> Iterator[Prometheus]:
    registry, port, clock = CollectorRegistry(), free_port(), FakeClock()
    registry.register(Served(fake_outside(store=store, gateway=AwayGateway(), clock=clock)))
    server, thread = start_http_server(port, ADDRESS, registry)
    with scraping(f"{ADDRESS}:{port}", tmp_path) as prometheus:
        yield prometheus
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_dashboard_shows_what_each_phase_of_a_start_took(prometheus, store):
    until(lambda: prometheus.values(f'{COUNT}{{phase="whole"}}') == [0], "the kind of session is known")
    for number in range(1, 4):
        start(store, f"ada-{number}", later(number))
    rate = f'rate({COUNT}{{phase="whole"}}[1h])'
    until(lambda: max(prometheus.values(rate), default=0) > 0, "the starts were scraped")
    of_phases = {one["metric"]["phase"]: float(one["value"][1]) for one in prometheus.series(OF_STARTS[-1])}
    assert 5 < of_phases["answering"] <= 10
    assert 0.5 <= of_phases["created"] <= 1
    assert not [query for query in OF_STARTS if not prometheus.values(query) or isnan(prometheus.values(query)[0])]


def test_a_start_is_counted_once_however_often_it_is_scraped(prometheus, store):
    start(store, "ada-1", later(1))
    until(lambda: prometheus.values(f'{COUNT}{{phase="told"}}') == [1], "the start was scraped")
    scrapes = "count_over_time(dockerdriver_database_up[1h])"
    until(lambda: prometheus.values(scrapes)[0] >= 4, "it was scraped again")
    assert prometheus.values(f'{COUNT}{{phase="told"}}') == [1]
