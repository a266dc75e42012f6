"""Which sessions are in use, as housekeeping hears it: real requests, real websockets, the kernel's own counters."""

import socket
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.sync.client import connect

from pool.records import SESSION_PORTS
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, route_to, running_gateway
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

ROUTE = route_to(0).id


@pytest.fixture(**BOTH_FORMS)
def gateway(request):
    with (
        names_below_localhost(),
        running_gateway(session_domain=request.param) as gateway,
        websocket_backend() as session,
    ):
        gateway.client.add_route(route_to(session.port))
        yield gateway


def open_websocket(gateway):
    return connect(gateway.address(ROUTE, "ws") + "channels", proxy=None)


def of_session(gateway):
    return gateway.client.activity().routes[ROUTE]


def test_a_session_without_a_request_is_not_among_the_used(gateway):
    activity = gateway.client.activity()
    assert activity.routes == {}
    assert datetime.now(UTC) - activity.since < timedelta(seconds=30)


def test_a_request_is_activity_and_a_refused_one_is_not(gateway):
    with http_backend() as session, httpx.Client(base_url=gateway.origin(ROUTE), trust_env=False) as browser:
        gateway.client.add_route(route_to(session.port))
        browser.get(f"/notebooks/{ROUTE}/%2e%2e%2fx")
        assert gateway.client.activity().routes == {}
        browser.get(f"/notebooks/{ROUTE}/")
    assert datetime.now(UTC) - of_session(gateway).last_seen < timedelta(seconds=5)


def test_frames_on_an_old_websocket_are_activity(gateway):
    with open_websocket(gateway) as websocket:
        time.sleep(1.2)
        opened = of_session(gateway).last_traffic
        assert datetime.now(UTC) - opened > timedelta(seconds=1)
        websocket.send("6*7")
        websocket.recv(30)
        assert of_session(gateway).last_traffic - opened > timedelta(seconds=1)
        assert of_session(gateway).last_request < of_session(gateway).last_traffic


def test_the_end_of_a_long_request_is_activity(gateway):
    with open_websocket(gateway):
        began = of_session(gateway).last_request
        time.sleep(1.2)
    until(lambda: of_session(gateway).last_request - began > timedelta(seconds=1), "the end is noted")


def test_the_end_of_a_long_request_that_got_no_answer_is_activity(gateway):
    with socket.create_server(("127.0.0.1", free_port(SESSION_PORTS))) as session:
        gateway.client.add_route(route_to(session.getsockname()[1]))
        with socket.create_connection(("127.0.0.1", gateway.config.port)) as client:
            client.sendall(f"GET /notebooks/{ROUTE}/ HTTP/1.1\r\nHost: {gateway.host(ROUTE)}\r\n\r\n".encode())
            connection, _ = session.accept()
            began = of_session(gateway).last_request
            time.sleep(1.2)
            connection.close()
            assert b" 502 " in client.recv(100)
    until(lambda: of_session(gateway).last_request - began > timedelta(seconds=1), "the end is noted")


def test_open_websockets_are_counted_until_they_close(gateway):
    with open_websocket(gateway), open_websocket(gateway):
        assert of_session(gateway).websockets == 2
    until(lambda: of_session(gateway).websockets == 0, "closed websockets are forgotten")


def test_a_websocket_in_a_draining_worker_still_counts(gateway):
    with open_websocket(gateway):
        gateway.reload()
        assert of_session(gateway).websockets == 1
    until(lambda: of_session(gateway).websockets == 0, "closed websockets are forgotten")


def test_a_websocket_whose_worker_was_killed_does_not_count(gateway):
    with open_websocket(gateway):
        gateway.kill_workers()
        until(lambda: of_session(gateway).websockets == 0, "the lost websocket is forgotten")


def test_a_removed_session_is_forgotten_while_its_websocket_ends(gateway):
    with open_websocket(gateway):
        gateway.client.remove_route(ROUTE)
    until(lambda: gateway.client.activity().routes == {}, "nothing is left of the session")
