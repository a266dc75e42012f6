"""More than a session's or a client's share is turned away, and no other client notices."""

import contextlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from blocks.stored.link_keys import LinkKeys
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, only_routes, route_to, running_gateway

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True, **BOTH_FORMS)
def form(request):
    """The session domain; every limit holds in both forms."""
    with names_below_localhost():
        yield request.param


def statuses(gateway, name: str, times: int) -> list[int]:
    with httpx.Client(trust_env=False, headers={"Accept": "text/html"}) as browser:
        return [browser.get(gateway.address(route_to(0, name).id)).status_code for _ in range(times)]


def test_a_session_that_gets_too_many_requests_does_not_hold_up_another(form):
    with running_gateway(session_domain=form, session_requests=1) as gateway, http_backend() as session:
        only_routes(gateway.client, [route_to(session.port, "alice"), route_to(session.port, "bob")])
        assert 429 in statuses(gateway, "alice", 20)
        assert statuses(gateway, "bob", 3) == [200] * 3


@pytest.mark.parametrize("limit", ["session_requests", "session_connections"])
def test_strangers_use_up_nothing_of_a_session_whose_user_is_signed_in(form, limit):
    keys, soon = LinkKeys.create(), datetime.now(UTC) + timedelta(seconds=60)
    with (
        running_gateway(session_domain=form, **{limit: 1}) as gateway,
        http_backend() as session,
        httpx.Client(trust_env=False) as user,
    ):
        route = route_to(session.port, sign_in="link")
        gateway.client.add_route(route)
        gateway.client.put_keys(keys.for_gateway())
        user.get(keys.launch_link(gateway.origin(route.id), route.id, soon))
        strangers = statuses(gateway, "alice", 20)
        assert user.get(gateway.address(route.id)).status_code == 200
    assert set(strangers) == ({401, 429} if limit == "session_requests" else {401})


def test_a_client_that_asks_too_often_gets_a_page_that_tries_again(form):
    with running_gateway(session_domain=form, address_requests=1) as gateway:
        answers = [httpx.get(gateway.url, headers={"Accept": "text/html"}, trust_env=False) for _ in range(20)]
        refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Too many requests" in refused.text
    assert refused.headers["Retry-After"]


@pytest.mark.parametrize("limit", ["session_connections", "address_connections"])
def test_a_connection_above_the_limit_is_refused_and_the_others_stay(limit, form):
    with (
        running_gateway(session_domain=form, **{limit: 3}) as gateway,
        websocket_backend() as session,
        contextlib.ExitStack() as stack,
    ):
        gateway.client.add_route(route_to(session.port))
        address = gateway.address(route_to(0).id, "ws")
        held = [stack.enter_context(connect(address, proxy=None)) for _ in range(3)]
        with pytest.raises(InvalidStatus, match="429"):
            connect(address, proxy=None)
        held[0].send("still here")
        assert held[0].recv(5) == "still here"


def test_a_limit_of_zero_is_none(form):
    none = dict.fromkeys(("address_requests", "address_connections", "session_requests", "session_connections"), 0)
    with running_gateway(session_domain=form, **none) as gateway, http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        assert set(statuses(gateway, "alice", 200)) == {200}


def test_a_trusted_proxy_names_the_client(form):
    forged = {"X-Forwarded-For": "203.0.113.7"}
    with running_gateway(session_domain=form, trusted_proxies=("127.0.0.0/8",)) as gateway, http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        answer = httpx.get(gateway.address(route_to(0).id), headers=forged, trust_env=False)
    assert answer.json()["headers"]["X-Forwarded-For"] == "203.0.113.7"
