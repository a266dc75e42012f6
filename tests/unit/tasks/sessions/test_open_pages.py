"""What open pages of sessions are told, from SQL to the gateway's table; and the wishes of users, back from there."""

import asyncio
from datetime import datetime
from inspect import unwrap

import pytest

from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from flows.sessions.extend_instance import extend_instance
from flows.sessions.message_sessions import message_sessions
from pool.errors import BadRequest, GatewayTrouble, NotFound
from pool.open_pages.messages import Level
from pool.records import Instance, Route
from pool.states import InstanceState
from tasks.gateway.routes import publish_route, repair_routes, routes_differ
from tasks.sessions.extensions import extensions_are_requested, grant_extensions, grant_late_request
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, later, place, run
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class PagesOfSessions(Gateway):
    """Its table in memory, and what users wish."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.wishes: dict[str, datetime] = {}
        self.away = False

    def list_routes(self) -> list[Route]:
        return [*self.routes.values()]

    def add_route(self, route, still_holds=lambda: True) -> bool:
        if self.away:
            raise GatewayTrouble("the gateway does not answer")
        if still_holds():
            self.routes[route.id] = route
        return still_holds()

    def change_routes(self, add, remove, that_hold=lambda routes: routes) -> None:
        if self.away:
            raise GatewayTrouble("the gateway does not answer")
        self.routes = {key: route for key, route in self.routes.items() if key not in remove}
        self.routes |= {route.id: route for route in that_hold(add)}

    def requested_extensions(self) -> dict[str, datetime]:
        return self.wishes


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    store.hosts.note("main-01", address="10.0.0.5")
    with standing_in(fake_outside(store=store, gateway=PagesOfSessions(), clock=FakeClock(NOW))) as door:
        yield door
    store.close()


@pytest.fixture
def alice(door) -> Instance:
    """Her session runs for an hour, and she may let it go on twice, for half an hour each."""
    ask(door.store, extend_by=1800, extensions=2)
    place(door.store)
    session = run(door.store)
    asyncio.run(publish_route.fn(session))
    return session


def shown(door, session: Instance) -> Route:
    """What her page is told, once a tick has compared the gateway with SQL."""
    asyncio.run(repair_routes.fn())
    assert not asyncio.run(routes_differ.fn())
    return door.gateway.routes[session.route]


def wish(door, session: Instance, seconds: int) -> str:
    """What a tick says at the moment of a wish."""
    door.clock.moment = later(seconds)
    door.gateway.wishes[session.route] = later(seconds)
    return asyncio.run(grant_extensions.fn()) if asyncio.run(extensions_are_requested.fn()) else ""


def say(words: str, **whom) -> str:
    """What the flow answers."""
    return asyncio.run(unwrap(message_sessions.fn)(words, **whom)).message


def test_a_page_knows_when_its_session_ends_and_from_when_it_may_be_extended(door, alice):
    route = door.gateway.routes[alice.route]
    assert (route.ends_at, route.ends_because) == (int(later(3600).timestamp()), "expired")
    assert (route.extend_by, route.extend_from) == (1800, int(later(3000).timestamp()))


def test_a_request_that_is_due_is_fulfilled_and_the_page_is_told(door, alice):
    assert wish(door, alice, 3100) == "extended by their users: alice-1"
    assert shown(door, alice).ends_at == int(later(4900).timestamp())
    assert not asyncio.run(extensions_are_requested.fn())


def test_a_request_that_is_not_due_or_one_too_many_changes_nothing(door, alice):
    assert wish(door, alice, 100) == ""
    assert [bool(wish(door, alice, seconds)) for seconds in (3100, 4500, 6200)] == [True, True, False]
    assert shown(door, alice).extend_from == 0


def test_a_request_of_a_session_that_ends_is_not_fulfilled(door, alice):
    door.store.instances.move(alice.id, InstanceState.STOPPING, later(3050))
    assert wish(door, alice, 3100) == ""


def test_a_wish_of_the_last_moment_is_fulfilled_before_the_session_is_ended_once(door, alice):
    door.clock.moment = later(3605)
    assert not asyncio.run(grant_late_request.fn(alice))
    door.gateway.wishes[alice.route] = later(3599)
    assert [asyncio.run(grant_late_request.fn(alice)) for _ in range(2)] == [True, False]
    extended = door.store.instances.get(alice.id)
    assert (extended.expires_at, extended.extensions) == (later(5399), 1)


def test_a_session_on_a_draining_host_ends_with_it_and_offers_no_extension(door, alice):
    door.store.hosts.drain("main-01", NOW, "asked for", later(900))
    route = shown(door, alice)
    assert (route.ends_at, route.ends_because, route.extend_from) == (int(later(900).timestamp()), "drained", 0)


def test_what_is_extended_by_its_platform_is_told_at_once_also_where_the_gateway_is_away(door, alice):
    asyncio.run(unwrap(extend_instance.fn)(alice.id, 90))
    assert door.gateway.routes[alice.route].ends_at == int(later(5400).timestamp())
    door.gateway.away = True
    asyncio.run(unwrap(extend_instance.fn)(alice.id, 120))
    door.gateway.away = False
    assert shown(door, alice).ends_at == int(later(7200).timestamp())


@pytest.mark.parametrize("whom", [{"instance_id": "alice-1"}, {"host": "main-01"}, {"every_session": True}])
def test_a_message_is_in_the_page_until_it_is_taken_back(door, alice, whom):
    say("We stop at six.", level=Level.WARNING, **whom)
    route = door.gateway.routes[alice.route]
    assert (route.message, route.message_level) == ("We stop at six.", "warning")
    assert route.message_until == int(later(3600).timestamp())
    say("", **whom)
    assert door.gateway.routes[alice.route].message == ""


def test_a_message_while_the_gateway_is_away_is_kept_and_shown_after_the_next_tick(door, alice):
    door.gateway.away = True
    assert say("We stop at six.", host="main-01") == (
        "host main-01 told for 60 min, from the next tick on: the gateway does not answer"
    )
    door.gateway.away = False
    assert shown(door, alice).message == "We stop at six."


def test_a_session_that_starts_later_shows_what_is_said_to_all(door, alice):
    say("We stop at six.", every_session=True)
    ask(door.store, "bob-1")
    place(door.store, "bob-1")
    asyncio.run(publish_route.fn(bob := run(door.store, "bob-1")))
    assert door.gateway.routes[bob.route].message == "We stop at six."


@pytest.mark.parametrize(
    ("whom", "error"),
    [
        ({}, BadRequest),
        ({"instance_id": "alice-1", "every_session": True}, BadRequest),
        ({"instance_id": "bob-1"}, NotFound),
        ({"host": "main-09"}, NotFound),
        ({"every_session": True, "minutes": 1441}, BadRequest),
        ({"every_session": True, "minutes": 0}, BadRequest),
    ],
)
def test_a_message_to_no_session_or_for_too_long_is_refused_and_nothing_is_said(door, alice, whom, error):
    with pytest.raises(error):
        say("We stop at six.", **whom)
    assert door.store.messages.current(NOW) == []
