"""No way leads from one session, or from another site, to what the open page of a session is told, or wishes."""

import time
from dataclasses import replace

import httpx
import pytest

from blocks.gateway.client import RouteRefused
from blocks.stored.link_keys import LinkKeys
from pool.records import Notice
from tests.integration.gateway.links.launching import link
from tests.rigs.gateways.gateway import only_routes, route_to

pytestmark = pytest.mark.integration

ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id
KEYS = LinkKeys.create()
PATHS = ("dd-notice", "dd-notice/banner.js", "dd-notice/extend")


@pytest.fixture
def sessions(gateway, backend):
    """Two that end soon, may be extended, and open by a link alone; bob's user is signed in."""
    now = int(time.time())
    told = {"ends_at": now + 300, "ends_because": "expired", "extend_by": 1800, "extend_from": now - 60}
    told |= {"message": "for alice alone", "message_level": "info", "message_until": now + 600}
    alice = route_to(backend.port, "alice", sign_in="link", **told)
    only_routes(gateway.client, [alice, replace(alice, id=BOB, message="for bob alone")])
    gateway.client.put_keys(KEYS.for_gateway())
    with httpx.Client(trust_env=False) as browser:
        assert browser.post(link(gateway, BOB, KEYS)).status_code == 303
        backend.requests.clear()
        yield browser


def asked(browser, gateway, route_id: str, path: str, **headers: str) -> httpx.Response:
    method = "POST" if path.endswith("/extend") else "GET"
    return browser.request(method, gateway.address(route_id) + path, headers=headers)


@pytest.mark.parametrize("path", PATHS)
def test_who_is_not_signed_in_reads_nothing_and_extends_nothing(gateway, backend, sessions, path):
    with httpx.Client(trust_env=False) as stranger:
        answer = asked(stranger, gateway, ALICE, path)
    assert (answer.status_code, "alice alone" in answer.text) == (401, False)
    assert (gateway.client.requested_extensions(), backend.requests) == ({}, [])


@pytest.mark.parametrize("path", PATHS)
def test_who_is_signed_in_to_one_session_reads_nothing_of_another_and_extends_it_not(gateway, sessions, path):
    own = asked(sessions, gateway, BOB, "dd-notice").json()
    assert own["message"]["words"] == "for bob alone"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in sessions.cookies.jar)
    answer = asked(sessions, gateway, ALICE, path, Cookie=cookies)
    assert (answer.status_code, "alone" in answer.text) == (401, False)
    assert gateway.client.requested_extensions() == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_page_of_another_origin_extends_a_session(gateway, sessions, headers):
    assert asked(sessions, gateway, BOB, "dd-notice/extend", **headers).status_code == 403
    assert gateway.client.requested_extensions() == {}


def test_a_page_of_another_session_extends_one_only_where_they_share_an_origin(gateway, sessions):
    answer = asked(sessions, gateway, BOB, "dd-notice/extend", Origin=gateway.origin(ALICE))
    refused = bool(gateway.config.session_domain)  # docs/security.md says what sharing one means
    assert (answer.status_code == 403, [*gateway.client.requested_extensions()]) == (refused, [BOB] * (not refused))


def test_no_page_of_another_origin_may_read_what_is_said(gateway, sessions):
    answer = asked(sessions, gateway, BOB, "dd-notice", Origin="http://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.headers["Cache-Control"] == "private, max-age=5"


@pytest.mark.parametrize(
    "path",
    [
        "dd-notice/%2e%2e/%2e%2e/" + ALICE + "/dd-notice",
        "dd-notice/..%2f..%2f" + ALICE + "/dd-notice",
        "x/../../" + ALICE + "/dd-notice",
    ],
)
def test_no_path_leads_from_one_session_to_the_notice_of_another(gateway, sessions, path):
    raw = httpx.URL(gateway.address(BOB)).copy_with(raw_path=f"/notebooks/{BOB}/{path}".encode())
    assert "alice alone" not in sessions.get(raw).text


@pytest.mark.parametrize("path", ["%64d-notice", "dd%2dnotice", "dd-notice/", "dd-notice//extend", "DD-NOTICE"])
def test_another_spelling_is_the_sessions_own_path(gateway, backend, sessions, path):
    raw = httpx.URL(gateway.address(BOB)).copy_with(raw_path=f"/notebooks/{BOB}/{path}".encode())
    assert sessions.get(raw).json()["path"] == f"/notebooks/{BOB}/{path}"


def test_no_number_of_requests_is_more_than_one(gateway, sessions):
    statuses = {asked(sessions, gateway, BOB, "dd-notice/extend").status_code for _ in range(50)}
    assert (statuses, [*gateway.client.requested_extensions()]) == ({202}, [BOB])


def test_a_body_of_a_request_is_neither_kept_nor_passed_on(gateway, backend, sessions):
    answer = sessions.post(gateway.address(BOB) + "dd-notice/extend", content=b"x" * 3_000_000)
    assert (answer.status_code, backend.requests) == (202, [])


@pytest.mark.parametrize(
    "told",
    [
        {"message": "two\nlines"},
        {"message": "x" * 1201},
        {"message_level": "</script>"},
        {"ends_at": -1},
        {"extend_from": 1.5},
        {"ends_because": "<b>"},
        {"idle_timeout": "60"},
    ],
)
def test_what_is_not_of_its_form_never_comes_into_the_table(gateway, sessions, told):
    with pytest.raises(RouteRefused):
        gateway.client.add_route(route_to(20001, "carol", **told))


def test_who_guesses_a_session_that_never_was_learns_nothing(gateway, sessions):
    answer = asked(sessions, gateway, "nobody-0123456789abcdef", "dd-notice")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_of_an_ended_session_no_more_is_told_than_its_page_shows(gateway, sessions):
    gateway.client.remove_route(ALICE)
    gateway.client.put_notices([Notice(ALICE, "ended", "Its time was over.", time.time())])
    with httpx.Client(trust_env=False) as stranger:
        said = asked(stranger, gateway, ALICE, "dd-notice").json()
    assert said == {"state": "ended", "words": "Its time was over.", "look_again": 60}
