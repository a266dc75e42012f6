"""Several gateways as one: what each is told, and what becomes of what one of them does not hear."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.gateway.activity import Activity, GatewayActivity
from blocks.gateway.all_gateways import AWAY_SECONDS, AllGateways, gateway_of, merged
from blocks.gateway.client import Gateway, RouteRefused
from blocks.gateway.relayed import Relay, read_activity, written_activity
from blocks.settings import ProcessSettings
from pool.errors import GatewayTrouble
from pool.records import Route

pytestmark = pytest.mark.unit
ROUTE = Route("alice-0123456789abcdef", "10.0.0.5", 20001)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class FakeRelay(Relay):
    """A table in memory that can be away."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "")
        self.table: dict[str, Route] = {}
        self.keys: list[dict] = []
        self.away, self.refuses, self.asked = False, False, 0
        self.wishes: dict[str, datetime] = {}

    def _heard(self) -> None:
        self.asked += 1
        if self.away:
            raise GatewayTrouble(f"the gateway's relay {self.url} does not answer: it is away")
        if self.refuses:
            raise RouteRefused("the gateway refused the route: of a test")

    def put_route(self, route: Route) -> None:
        self._heard()
        self.table[route.id] = route

    def drop_route(self, route_id: str) -> None:
        self._heard()
        self.table.pop(route_id, None)

    def list_routes(self) -> list[Route]:
        self._heard()
        return [*self.table.values()]

    def put_keys(self, keys: list[dict]) -> None:
        self._heard()
        self.keys = keys

    def key_ids(self) -> list[str]:
        self._heard()
        return [key["id"] for key in self.keys]

    def requested_extensions(self) -> dict[str, datetime]:
        self._heard()
        return self.wishes

    def activity(self) -> GatewayActivity:
        self._heard()
        return GatewayActivity(NOW, {})

    def alive(self) -> None:
        self._heard()


class Two:
    """Two gateways and a clock that only grows when it is told to."""

    def __init__(self) -> None:
        self.uptime = 100.0
        self.one, self.other = FakeRelay("https://g1:1"), FakeRelay("https://g2:1")
        self.all = AllGateways([self.one, self.other], lambda _: nullcontext(), lambda: self.uptime)


@pytest.fixture
def two() -> Two:
    return Two()


def test_a_session_is_published_at_all_and_forgotten_at_all(two):
    assert two.all.add_route(ROUTE)
    assert two.one.table == two.other.table == {ROUTE.id: ROUTE}
    two.all.remove_route(ROUTE.id)
    assert two.one.table == two.other.table == {}


def test_nothing_is_asked_of_the_socket_of_this_machine():
    asked = {name for name, of in vars(Gateway).items() if callable(of) and not name.startswith("_")}
    assert asked <= vars(AllGateways).keys()


def test_of_requests_at_several_gateways_the_last_one_counts(two):
    two.one.wishes, two.other.wishes = {"ada": NOW, "bob": NOW}, {"ada": NOW + timedelta(minutes=5)}
    assert two.all.requested_extensions() == {"ada": NOW + timedelta(minutes=5), "bob": NOW}


def test_a_session_that_went_on_meanwhile_is_published_nowhere(two):
    assert not two.all.add_route(ROUTE, lambda: False)
    assert (two.one.asked, two.other.asked) == (0, 0)


def test_a_gateway_that_is_away_keeps_no_session_from_starting_and_is_named(two, caplog):
    two.other.away = True
    assert two.all.add_route(ROUTE)
    assert "https://g2:1 does not answer" in caplog.text


def test_one_that_was_away_is_not_waited_for_by_each_change_and_asked_again_later(two):
    two.other.away = True
    two.all.add_route(ROUTE)
    two.all.add_route(ROUTE)
    assert two.other.asked == 1
    two.uptime += AWAY_SECONDS
    two.all.add_route(ROUTE)
    assert two.other.asked == 2


@pytest.mark.parametrize(("waited", "pause"), [(0, 10), (2, 10), (10, 50), (60, 60)])
def test_one_that_is_frozen_is_not_asked_for_longer_the_longer_it_was_waited_for(two, waited, pause):
    def freeze(_route: Route) -> None:
        two.other.asked += 1
        two.uptime += waited
        raise GatewayTrouble("no answer in time")

    two.other.put_route = freeze
    two.all.add_route(ROUTE)
    two.uptime += pause - 1
    two.all.add_route(ROUTE)
    assert two.other.asked == 1
    two.uptime += 1
    two.all.add_route(ROUTE)
    assert two.other.asked == 2


def test_when_all_are_away_each_is_asked_and_the_change_is_trouble(two):
    two.one.away = two.other.away = True
    for _ in range(2):
        with pytest.raises(GatewayTrouble, match="https://g1:1 does not answer"):
            two.all.remove_route(ROUTE.id)
    assert (two.one.asked, two.other.asked) == (2, 2)
    assert not two.all.alive()


def test_a_route_that_one_gateway_refuses_is_refused_though_another_would_take_it(two):
    two.other.refuses = True
    with pytest.raises(RouteRefused):
        two.all.add_route(ROUTE)


def test_what_one_lacks_or_has_otherwise_differs_from_what_sql_says(two):
    two.one.table = {ROUTE.id: ROUTE}
    assert two.all.list_routes() == [replace(ROUTE, address="")]
    two.other.table = {ROUTE.id: replace(ROUTE, port=20002)}
    assert [one.address for one in two.all.list_routes()] == [""]
    two.other.table = {ROUTE.id: ROUTE}
    assert two.all.list_routes() == [ROUTE]


def test_keys_that_one_does_not_hear_of_are_trouble_and_all_others_have_them(two):
    two.one.away = True
    with pytest.raises(GatewayTrouble):
        two.all.put_keys([{"id": "k1", "secret": "s"}])
    assert two.other.keys
    assert two.all.key_ids() == []  # what it has is not known: a rotation does not go on
    two.one.away = False
    assert two.all.key_ids() == []  # so that a tick gives them again
    two.all.put_keys(two.other.keys)
    assert two.all.key_ids() == ["k1"]


def test_while_one_is_away_who_uses_a_session_is_not_known(two):
    two.all.activity()
    two.other.away = True
    with pytest.raises(GatewayTrouble):
        two.all.activity()


def test_what_two_gateways_saw_is_the_later_request_and_all_websockets():
    early, late = NOW - timedelta(minutes=5), NOW
    one = GatewayActivity(early, {"r": Activity(late, 1, None, 2), "only": Activity(early)})
    other = GatewayActivity(late, {"r": Activity(early, 2, late, 1)})
    seen = merged(one, other)
    assert seen.since == late
    assert seen.routes == {"r": Activity(late, 3, late, 3), "only": Activity(early)}


def test_what_was_seen_travels_as_it_is():
    seen = GatewayActivity(NOW, {"r": Activity(NOW, 1, None, 2), "s": Activity()})
    assert read_activity(written_activity(seen)) == seen


def test_the_relays_are_told_where_the_settings_name_some(tmp_path):
    alone = ProcessSettings(data=tmp_path, _env_file=None)
    several = alone.model_copy(update={"gateways": "https://10.0.0.4:8445, https://10.0.0.5:8445"})
    assert type(gateway_of(alone, lambda _: nullcontext())) is Gateway
    assert type(gateway_of(several, lambda _: nullcontext())) is AllGateways
    assert several.gateway_relays == ("https://10.0.0.4:8445", "https://10.0.0.5:8445")
