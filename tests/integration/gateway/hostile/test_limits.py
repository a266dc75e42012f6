"""More than a session's or a client's share is turned away, and no other client notices."""

import contextlib
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from blocks.stored.link_keys import LinkKeys
from tests.rigs.gateways.backend import http_backend, raw_backend, websocket_backend
from tests.rigs.gateways.gateway import (
    BOTH_FORMS,
    NO_LIMITS,
    names_below_localhost,
    only_routes,
    route_to,
    running_gateway,
)

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


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


def class_of_forty(gateway, port: int, keys: LinkKeys, sign_in: str) -> Counter:
    """Forty browsers of one address that each ask for a hundred files at once: how often which status came."""
    soon = datetime.now(UTC) + timedelta(seconds=60)
    routes = [route_to(port, f"user{n:02}", sign_in=sign_in) for n in range(40)]
    only_routes(gateway.client, routes)
    gateway.client.put_keys(keys.for_gateway())

    def page(route) -> list[int]:
        cookie = ""
        if sign_in == "link":
            link = keys.launch_link(gateway.origin(route.id), route.id, soon)
            cookie = httpx.post(link, trust_env=False).headers["Set-Cookie"].partition(";")[0]
        headers = {"Host": gateway.host(route.id), "Cookie": cookie}
        with contextlib.closing(HTTPConnection("127.0.0.1", gateway.config.port)) as user:
            return [_status(user, f"/notebooks/{route.id}/file{n}", headers) for n in range(100)]

    with ThreadPoolExecutor(8) as browsers:
        return Counter(status for statuses in browsers.map(page, routes) for status in statuses)


def _status(user: HTTPConnection, path: str, headers: dict[str, str]) -> int:
    user.request("GET", path, headers=headers)
    answer = user.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("sign_in", ["link", "open"])
def test_forty_browsers_of_one_class_behind_one_address_are_all_served(form, sign_in):
    with running_gateway(session_domain=form, address_requests=20) as gateway, raw_backend(OK) as session:
        assert class_of_forty(gateway, session.port, LinkKeys.create(), sign_in) == {200: 4000}


def only(limit: str) -> dict[str, Any]:
    """Settings by which one limit is one."""
    return {limit: 1}


@pytest.mark.parametrize("limit", ["session_requests", "session_connections"])
def test_strangers_use_up_nothing_of_a_session_whose_user_is_signed_in(form, limit):
    keys, soon = LinkKeys.create(), datetime.now(UTC) + timedelta(seconds=60)
    with (
        running_gateway(session_domain=form, **only(limit)) as gateway,
        http_backend() as session,
        httpx.Client(trust_env=False) as user,
    ):
        route = route_to(session.port, sign_in="link")
        gateway.client.add_route(route)
        gateway.client.put_keys(keys.for_gateway())
        user.post(keys.launch_link(gateway.origin(route.id), route.id, soon))
        strangers = statuses(gateway, "alice", 20)
        assert user.get(gateway.address(route.id)).status_code == 200
    assert set(strangers) == {401}


def test_a_client_that_asks_too_often_gets_a_page_that_tries_again(form):
    with running_gateway(session_domain=form, address_requests=1) as gateway:
        answers = [httpx.get(gateway.url, headers={"Accept": "text/html"}, trust_env=False) for _ in range(20)]
        refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Too many requests" in refused.text
    assert refused.headers["Retry-After"]


def test_a_connection_above_the_sessions_limit_is_refused_and_the_others_stay(form):
    with (
        running_gateway(session_domain=form, session_connections=3) as gateway,
        websocket_backend() as session,
        contextlib.ExitStack() as stack,
    ):
        gateway.client.add_route(route_to(session.port))
        address = gateway.address(route_to(0).id, "ws")
        held = [stack.enter_context(connect(address, proxy=None)) for _ in range(3)]
        with pytest.raises(InvalidStatus, match="429"):
            connect(address, proxy=None)
        held[0].send("still here")
        assert held[0].recv(30) == "still here"


def test_strangers_of_one_address_hold_no_more_connections_than_they_may(form):
    head = "PUT /notebooks/{id}/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nx"
    with running_gateway(session_domain=form, address_connections=3) as gateway, contextlib.ExitStack() as stack:
        route = route_to(20000, sign_in="link")
        gateway.client.add_route(route)
        said = []
        for _ in range(4):  # refused at once; the gateway waits a while for what they still have to send
            stranger = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.config.port)))
            stranger.sendall(head.format(id=route.id, host=gateway.host(route.id)).encode())
            said.append(stranger.recv(12))
        assert said == [b"HTTP/1.1 401"] * 3 + [b"HTTP/1.1 429"]


def test_a_limit_of_zero_is_none(form):
    with running_gateway(session_domain=form, **NO_LIMITS) as gateway, http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        assert set(statuses(gateway, "alice", 200)) == {200}


def test_a_trusted_proxy_names_the_client(form):
    forged = {"X-Forwarded-For": "203.0.113.7"}
    with running_gateway(session_domain=form, trusted_proxies=("127.0.0.0/8",)) as gateway, http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        answer = httpx.get(gateway.address(route_to(0).id), headers=forged, trust_env=False)
    assert answer.json()["headers"]["X-Forwarded-For"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("session_requests", "more than 1 requests a second of one session: DD_GATEWAY_SESSION_REQUESTS"),
        ("address_requests", "more than 1 requests a second of one address that is not signed in"),
    ],
)
def test_the_log_says_which_limit_it_was(form, limit, words):
    sign_in = "open" if limit == "session_requests" else "link"
    with running_gateway(session_domain=form, **only(limit)) as gateway, http_backend() as session:
        gateway.client.add_route(route_to(session.port, sign_in=sign_in))
        assert 429 in statuses(gateway, "alice", 20)
        refused = [line for line in gateway.logs_after(route_to(0).id, 1).splitlines() if '"status":429' in line]
    assert refused
    assert all(words in line for line in refused)
