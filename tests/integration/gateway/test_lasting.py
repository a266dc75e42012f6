"""What outlives a change: websockets and routes, through reloads, restarts and a rebuild of the table."""

import threading

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.rigs.gateways.backend import websocket_backend
from tests.rigs.gateways.gateway import (
    BOTH_FORMS,
    ONE_FORM,
    names_below_localhost,
    only_routes,
    route_to,
    running_gateway,
)
from tests.rigs.gateways.talk import Talk
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(**BOTH_FORMS)
def gateway(request):
    with names_below_localhost(), running_gateway(session_domain=request.param) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def echo():
    with websocket_backend() as backend:
        yield backend


def open_websocket(gateway, route, **options):
    address = gateway.address(route.id, "ws") + "api/kernels/channels"
    return connect(address, proxy=None, compression=None, open_timeout=30, **options)


def status(gateway, route) -> int:
    return httpx.get(gateway.address(route.id), trust_env=False).status_code


def test_a_websocket_carries_frames_of_any_size_both_ways(gateway, echo):
    route = route_to(echo.port)
    gateway.client.add_route(route)
    with open_websocket(gateway, route) as websocket:
        for frame in ("6*7", b"\0" * 900_000, "ü" * 1000):
            websocket.send(frame)
            assert websocket.recv(30) == frame


@ONE_FORM
def test_a_websocket_loses_no_frame_in_a_thousand_changes_a_rebuild_and_a_reload(gateway, echo):
    route = route_to(echo.port)
    gateway.client.add_route(route)
    with open_websocket(gateway, route) as websocket, Talk(websocket) as talk:
        for n in range(500):
            gateway.client.add_route(route_to(20000 + n, f"user{n}"))
            gateway.client.remove_route(route_to(20000 + n, f"user{n}").id)
        only_routes(gateway.client, [route, *(route_to(20000 + n, f"more{n}") for n in range(1000))])
        gateway.reload()
        before = talk.answered
        until(lambda: talk.answered > before + 10, "frames flow after the reload")
    assert talk.sent > 100
    assert talk.lost == 0


def test_requests_are_answered_throughout_a_reload(gateway, backend):
    route = route_to(backend.port)
    gateway.client.add_route(route)
    seen, over = [], threading.Event()

    def ask():
        while not over.is_set():
            seen.append(status(gateway, route))

    thread = threading.Thread(target=ask)
    thread.start()
    gateway.reload()
    over.set()
    thread.join()
    assert set(seen) == {200}


def test_routes_survive_a_reload(gateway, backend):
    gateway.client.add_route(route_to(backend.port))
    gateway.config.snapshot.unlink()  # what is left is the dictionary
    gateway.reload()
    assert status(gateway, route_to(backend.port)) == 200


def test_routes_survive_a_restart_with_their_tokens(gateway, backend):
    routes = {route_to(backend.port, "alice", token_header="token a"), route_to(backend.port, "bob", strip_prefix=True)}
    for route in routes:
        gateway.client.add_route(route)
    gateway.stop()
    gateway.start()
    assert set(gateway.client.list_routes()) == routes


def test_a_killed_gateway_starts_again_on_its_stale_socket(gateway, backend):
    gateway.client.add_route(route_to(backend.port))
    gateway.kill()
    assert gateway.config.admin_socket.exists()
    gateway.start()
    assert status(gateway, route_to(backend.port)) == 200


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"routes": [{"id": 5}, 3]}'])
def test_a_gateway_starts_with_no_route_when_the_snapshot_is_broken(gateway, damage):
    gateway.client.add_route(route_to(20001))
    gateway.stop()
    gateway.config.snapshot.write_text(damage)
    gateway.start()
    assert gateway.client.list_routes() == []


def test_a_route_of_the_snapshot_that_is_no_longer_allowed_is_left_out(gateway, backend):
    gateway.client.add_route(route_to(backend.port))
    gateway.stop()
    text = gateway.config.snapshot.read_text().replace('"127.0.0.1"', '"169.254.169.254"')
    gateway.config.snapshot.write_text(text)
    gateway.start()
    assert gateway.client.list_routes() == []
    assert "its address is outside the pool's host networks" in gateway.log("gateway-error.log")


def test_a_page_of_another_site_cannot_open_a_websocket(gateway, echo):
    route = route_to(echo.port)
    gateway.client.add_route(route)
    with open_websocket(gateway, route, origin=gateway.origin(route.id)):
        pass
    for origin in ("http://evil.example", "null", f"{gateway.origin(route.id)}.evil.example"):
        with pytest.raises(InvalidStatus, match="403"):
            open_websocket(gateway, route, origin=origin)
