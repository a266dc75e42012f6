"""Sign-in by link: who opens a session whose URL alone is not enough, and who does not."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from blocks.stored.link_keys import LinkKeys
from pool.records import Notice
from tests.integration.gateway.links.launching import ALICE, BOB, KEYS, address, link
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.gateway import route_hash, route_to

pytestmark = pytest.mark.integration


def test_a_link_leads_to_the_session_and_its_address_shows_no_ticket(gateway, browser):
    answer = browser.post(link(gateway))
    assert (answer.status_code, str(answer.url)) == (200, address(gateway))
    assert answer.json()["headers"]["Authorization"] == "token own"
    assert browser.get(address(gateway)).status_code == 200


@pytest.mark.parametrize("to", ["lab/tree/a%20b.ipynb", "git-pull?repo=https%3A%2F%2Fa.org%2Fb&branch=main", "x/(y)"])
def test_a_link_leads_to_a_place_in_the_session(gateway, browser, to):
    answer = browser.post(f"{link(gateway)}&to={quote(to, safe='')}")
    assert (answer.status_code, str(answer.url)) == (200, address(gateway) + to)
    again = browser.get(f"{link(gateway)}&to={quote(to, safe='')}")
    assert str(again.url) == address(gateway) + to


@pytest.mark.parametrize(
    "to",
    ["../other/", "%2e%2e/other/", "a/%252e%252e/b", 'x"><script>', "x\r\nSet-Cookie: a=b", "x y", "ü", "x" * 2001],
)
def test_what_is_no_place_in_the_session_is_its_root(gateway, browser, to):
    answer = browser.post(f"{link(gateway)}&to={quote(to, safe='')}", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, httpx.URL(address(gateway)).path)
    shown = httpx.get(f"{link(gateway)}&to={quote(to, safe='')}", trust_env=False, headers={"Accept": "text/html"})
    assert "to=" not in shown.text


def test_without_a_link_a_session_shows_the_sign_in_page(gateway, browser, backend):
    backend.requests.clear()
    answer = browser.get(address(gateway))
    assert answer.status_code == 401
    assert "This session opens by a link only" in answer.text
    assert backend.requests == []


def test_without_a_link_a_session_opens_no_websocket(gateway):
    with websocket_backend() as echo:
        gateway.client.add_route(route_to(echo.port, sign_in="link"))
        with pytest.raises(InvalidStatus, match="401"):
            connect(address(gateway).replace("http", "ws"), proxy=None)


def test_of_twenty_that_use_a_link_at_once_one_gets_in(gateway):
    once = link(gateway)
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: httpx.post(once, trust_env=False).status_code, range(20)))
    assert sorted(answers) == [303] + [401] * 19


def test_a_link_works_once(gateway):
    once = link(gateway)
    assert httpx.post(once, trust_env=False).status_code == 303
    assert httpx.post(once, trust_env=False).status_code == 401


def test_who_is_signed_in_may_follow_the_link_again(gateway, browser):
    again = link(gateway)
    assert browser.post(again).status_code == 200
    assert browser.post(again).status_code == 200


def test_a_link_to_a_session_that_still_waits_is_used_up_at_once_and_good_for_as_long_as_it_takes(gateway, browser):
    new = "new-0123456789abcdef"
    gateway.client.put_notices([Notice(new, "queued", "Waiting.", time.time())])
    answer = browser.post(link(gateway, new))
    assert (answer.status_code, str(answer.url)) == (503, address(gateway, new))
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port, "new", sign_in="link"))
        assert browser.get(address(gateway, new)).status_code == 200
        assert httpx.get(address(gateway, new), trust_env=False).status_code == 401


def test_a_bad_link_to_a_session_that_still_waits_says_so(gateway, browser):
    gateway.client.put_notices([Notice("next-0123456789abcdef", "starting", "Waiting.", time.time())])
    assert browser.post(link(gateway, "next-0123456789abcdef", seconds=-1)).status_code == 401


def test_a_link_after_its_time_opens_nothing(gateway, browser):
    answer = browser.post(link(gateway, seconds=-1))
    assert (answer.status_code, "This link is no longer good" in answer.text) == (401, True)


@pytest.mark.parametrize(
    ("pattern", "by"),
    [
        (r"ticket=\d+", "ticket=9999999999"),
        (r"\.[\w-]+$", ".forged"),
        (r"\.[\w-]+$", "."),
        (ALICE, BOB),
        (r"ticket=.*", "ticket="),
        (r"ticket=.*", ""),
        (r"ticket=", "ticket=0"),
        (r"(ticket=\d+\.)", r"\1x"),
        (r"ticket=\d+", "ticket=99999999999999999999"),
        (r"ticket=\d+", "ticket=-1"),
        (r"ticket=\d+", "ticket=1e99"),
        (r"ticket=\d+", "ticket=inf"),
        (r"(ticket=\d+)\.", r"\1.0."),
        (r"\.[\w-]+$", ""),
        (r"(ticket=.*)", r"\1A"),
        (r"(ticket=.*)", r"\1%00"),
        (r"(ticket=.*)", r"\1="),
        (r"ticket=", "ticket=x&ticket="),
        (r"ticket=", "ticket[]="),
        (r"(\.[\w-]+)(\.[\w-]+)$", r"\2\1"),
    ],
)
def test_a_forged_link_opens_nothing(gateway, browser, pattern, by):
    assert browser.post(re.sub(pattern, by, link(gateway))).status_code == 401


def test_a_link_signed_with_another_key_opens_nothing(gateway, browser):
    assert browser.post(link(gateway, keys=LinkKeys.create())).status_code == 401


def test_links_cookies_and_websockets_live_through_a_rotation_until_the_key_before_is_retired(gateway, browser):
    a_minute_before, following = link(gateway, BOB), KEYS.with_next()
    promoted = following.promoted(datetime.now(UTC))
    browser.post(link(gateway))
    with open_terminal(gateway) as terminal:
        for keys in (following, promoted):
            gateway.client.put_keys(keys.for_gateway())
            assert browser.get(address(gateway)).status_code == 200
        assert browser.post(a_minute_before).status_code == 200
        assert browser.post(link(gateway, BOB, keys=promoted)).status_code == 200
        gateway.client.put_keys(promoted.retired().for_gateway())
        assert browser.get(address(gateway)).status_code == 401
        terminal.send("still here")
        assert terminal.recv(30) == "still here"


@contextmanager
def open_terminal(gateway):
    """A websocket of a browser that came by a link."""
    carol = route_to(0, "carol").id
    with websocket_backend() as session:
        gateway.client.add_route(route_to(session.port, "carol", sign_in="link"))
        came = httpx.post(link(gateway, carol), trust_env=False)
        cookie = {"Cookie": came.headers["Set-Cookie"].partition(";")[0]}
        where = address(gateway, carol).replace("http", "ws")
        with connect(where, additional_headers=cookie, proxy=None) as terminal:
            yield terminal


def test_keys_and_the_need_for_a_link_survive_a_restart(gateway, browser):
    browser.post(link(gateway))
    gateway.stop()
    gateway.start()
    assert browser.get(address(gateway)).status_code == 200
    assert browser.get(address(gateway, BOB)).status_code == 401


def test_without_keys_no_user_gets_in_and_nothing_breaks(gateway, browser):
    gateway.client.put_keys([])
    assert browser.post(link(gateway)).status_code == 401
    assert browser.get(address(gateway)).status_code == 401


def test_a_link_to_an_unknown_session_is_unknown(gateway, browser):
    assert browser.post(link(gateway, "never-0123456789abcdef")).status_code == 404


def test_no_log_holds_a_ticket_or_a_key(gateway, browser):
    ticket, before = link(gateway), gateway.log("gateway-access.log").count(route_hash(ALICE))
    browser.post(ticket)
    logs = gateway.logs_after(ALICE, before + 2)
    for secret in (ticket.partition("ticket=")[2], ALICE, KEYS.current.get_secret_value()):
        assert secret not in logs
