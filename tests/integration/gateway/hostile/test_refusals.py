"""Each refusal is one line of the access log, which says which rule it was and what to set."""

import json

import httpx
import pytest

from pool.records import SESSION_PORTS
from tests.rigs.gateways.backend import raw_backend
from tests.rigs.gateways.gateway import only_routes, route_to
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id


def lines(gateway) -> list[dict]:
    return [json.loads(line) for line in gateway.log("gateway-access.log").splitlines()]


def refusal(gateway, method: str = "GET", **request) -> tuple[int, str]:
    """What the access log says of a request to alice's session: status and error, in one line."""
    before = len(lines(gateway))
    with httpx.Client(trust_env=False) as client:
        client.request(method, request.pop("url", gateway.address(ALICE)), **request)
    until(lambda: len(lines(gateway)) > before, "the request is logged")
    new = lines(gateway)[before:]
    assert len(new) == 1
    return new[0]["status"], new[0]["error"]


def test_a_stranger_without_a_cookie(gateway):
    only_routes(gateway.client, [route_to(20000, sign_in="link")])
    status, error = refusal(gateway)
    assert (status, error.endswith("it opens by a launch link, as its blueprint says (sign_in)")) == (401, True)


def test_a_foreign_page_by_its_origin(gateway):
    only_routes(gateway.client, [route_to(20000)])
    status, error = refusal(gateway, "POST", headers={"Origin": "https://evil.example"})
    assert (status, error.partition(",")[0]) == (403, "asked for by a page of https://evil.example")
    assert "DD_PUBLIC_URL, DD_GATEWAY_NAMES" in error


def test_a_page_of_another_session_without_its_secret_name(gateway):
    only_routes(gateway.client, [route_to(20000)])
    for name in ("localhost", "localhost."):  # nginx takes both for the same
        status, error = refusal(gateway, "POST", headers={"Origin": f"http://{BOB}.{name}:9000"})
        assert (status, BOB in error) == (403, not gateway.config.session_domain)  # else it is a name like any other


@pytest.mark.parametrize("origin", ["http://\xff\x80", "http://" + "ä" * 90], ids=["no UTF-8", "cut in a letter"])
def test_a_foreign_page_whose_origin_is_no_text_leaves_a_line_that_can_be_read(gateway, origin):
    only_routes(gateway.client, [route_to(20000)])
    status, error = refusal(
        gateway, "POST", headers={"Origin": origin.encode("latin-1" if "\xff" in origin else "utf-8")}
    )
    assert (status, error.startswith("asked for by a page of http://??")) == (403, True)


def test_an_upload_above_the_blueprints_limit(gateway):
    only_routes(gateway.client, [route_to(20000, max_upload_mb=1)])
    said = (413, "an upload of 1048577 bytes, above the 1 MB of its blueprint: max_upload_mb")
    assert refusal(gateway, "PUT", content=b"x" * 1048577) == said


def test_a_session_whose_port_takes_no_connection(gateway):
    only_routes(gateway.client, [route_to(free_port(SESSION_PORTS))])
    status, error = refusal(gateway)
    assert (status, error[:46]) == (502, "its host took no connection at the session's p")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 80_000 + b"\r\n\r\n", "headers are longer than 73728 bytes"),
        (b"", "ended the connection before its answer"),
    ],
)
def test_a_session_whose_answer_cannot_be_passed_on(gateway, answer, words):
    with raw_backend(answer, hangs_up=True) as session:
        only_routes(gateway.client, [route_to(session.port)])
        status, error = refusal(gateway)
    assert (status, words in error) == (502, True)


def test_headers_that_are_too_long(gateway):
    status, error = refusal(gateway, url=gateway.url, headers={"Cookie": "x" * 80_000})
    assert (status, error) == (400, "a header of more than 73728 bytes, or too many of them")
