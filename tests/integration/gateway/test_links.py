"""Sign-in by link: who opens a session whose URL alone is not enough, and who does not."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from blocks.stored.link_keys import LinkKeys
from pool.records import Notice
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import (
    BOTH_FORMS,
    names_below_localhost,
    only_routes,
    route_hash,
    route_to,
    running_gateway,
)

pytestmark = pytest.mark.integration

KEYS = LinkKeys.create()
ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id


@pytest.fixture(scope="module", **BOTH_FORMS)
def running(request):
    with names_below_localhost(), running_gateway(session_domain=request.param) as gateway:
        yield gateway


@pytest.fixture
def gateway(running, backend):
    routes = [route_to(backend.port, name, sign_in="link", token_header="token own") for name in ("alice", "bob")]
    only_routes(running.client, routes)
    running.client.put_keys(KEYS.for_gateway())
    return running


@pytest.fixture
def browser(gateway):
    with httpx.Client(trust_env=False, follow_redirects=True, headers={"Accept": "text/html"}) as browser:
        yield browser


def link(gateway, route_id: str = ALICE, keys: LinkKeys = KEYS, seconds: int = 60) -> str:
    return keys.launch_link(gateway.origin(route_id), route_id, datetime.now(UTC) + timedelta(seconds=seconds))


def address(gateway, route_id: str = ALICE) -> str:
    return f"{gateway.origin(route_id)}/notebooks/{route_id}/"


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


def test_a_person_who_comes_by_a_link_ends_at_its_place(gateway):
    with browser_page() as page:
        page.goto(f"{link(gateway)}&to={quote('lab/tree/a%20b?c=d&e=f', safe='')}")
        page.wait_for_url(f"{address(gateway)}lab/tree/a%20b?c=d&e=f")


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


def test_the_cookie_is_for_one_session_and_out_of_reach_of_scripts(gateway, browser):
    answer = browser.post(link(gateway), follow_redirects=False)
    attributes = answer.headers["Set-Cookie"].partition("; ")[2]
    assert attributes == f"Path=/notebooks/{ALICE}/; Max-Age=86400; HttpOnly; SameSite=Lax"


def test_the_cookie_of_one_session_opens_no_other(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    assert httpx.get(address(gateway), headers={"Cookie": cookie}, trust_env=False).status_code == 200
    assert httpx.get(address(gateway, BOB), headers={"Cookie": cookie}, trust_env=False).status_code == 401


def test_a_session_never_sees_the_cookie_and_keeps_its_own(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    both = {"Cookie": f"theme=dark; {cookie}; _xsrf=2|x"}
    assert (
        httpx.get(address(gateway), headers=both, trust_env=False).json()["headers"]["Cookie"]
        == "theme=dark; _xsrf=2|x"
    )


def test_a_cookie_of_the_same_name_put_before_ours_locks_no_user_out(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    planted = {"Cookie": f"dd-session=1.ab.x; {cookie}"}
    assert httpx.get(address(gateway), headers=planted, trust_env=False).status_code == 200


@pytest.mark.parametrize("name", ["dd-session", "__Secure-dd-session", "__Host-dd-session"])
def test_a_cookie_under_each_name_that_it_ever_had_opens_its_session_and_stays_at_the_gateway(gateway, browser, name):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    called = {"Cookie": f"{cookie.replace('dd-session', name)}; my-dd-session=x; dd-sessions=y"}
    answer = httpx.get(address(gateway), headers=called, trust_env=False)
    assert answer.json()["headers"]["Cookie"] == "my-dd-session=x; dd-sessions=y"


@pytest.mark.parametrize("planted", ["dd-session=1.a.x", "dd-session={like_ours}"])
def test_thousands_of_cookies_called_like_ours_cost_next_to_nothing_and_open_nothing(gateway, backend, planted):
    like_ours = f"9999999999.{KEYS.for_gateway()[0]['id']}.{'x' * 43}"
    one = planted.format(like_ours=like_ours)
    headers = [("Cookie", "; ".join([one] * (15_000 // (len(one) + 2))))] * 3
    with httpx.Client(trust_env=False) as visitor:
        before = gateway.cpu_seconds()
        answers = [visitor.get(address(gateway), headers=headers).status_code for _ in range(50)]
        used = gateway.cpu_seconds() - before
    assert set(answers) == {401}
    assert used / 50 < 0.005  # it was 0.018 s for each request, with half as many cookies


@pytest.mark.parametrize("blank", [" ", "\t", " = "])
def test_a_cookie_called_like_ours_that_is_full_of_spaces_costs_no_more_than_another(gateway, backend, blank):
    cookie = f"dd-session=a{blank * (70_000 // len(blank))}b"
    before = gateway.cpu_seconds()
    answers = [httpx.get(address(gateway), headers={"Cookie": cookie}, trust_env=False).status_code for _ in range(10)]
    assert set(answers) == {401}
    assert (gateway.cpu_seconds() - before) / 10 < 0.005


def test_a_cookie_with_spaces_around_its_value_opens_its_session(gateway, browser):
    name, _, value = (
        browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0].partition("=")
    )
    headers = {"Cookie": f"a=1;  {name} = {value} \t; b=2"}
    answer = httpx.get(address(gateway), headers=headers, trust_env=False)
    assert answer.json()["headers"]["Cookie"] == "a=1; b=2"


def page_of(gateway, browser, address: str) -> str:
    """Where the page that a link shows goes on to."""
    answer = browser.get(address)
    assert answer.status_code == 200
    return gateway.origin(ALICE) + re.search(r'url=([^"]*)"', answer.text).group(1)


def test_a_person_gets_in_by_a_page_that_goes_on_by_itself(gateway, browser):
    answer = browser.get(page_of(gateway, browser, link(gateway)))
    assert (answer.status_code, str(answer.url)) == (200, address(gateway))


READERS = [
    ("HEAD", {}),
    ("GET", {}),
    ("GET", {"Accept": "*/*"}),
    ("GET", {"Sec-Purpose": "prefetch"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"Purpose": "prefetch"}),
    ("GET", {"X-Purpose": "preview"}),
    ("GET", {"X-Moz": "prefetch"}),
    ("OPTIONS", {}),
]


@pytest.mark.parametrize(("method", "headers"), READERS)
def test_what_only_reads_a_link_leaves_it_good_and_is_not_signed_in(gateway, browser, method, headers):
    once = link(gateway)
    with httpx.Client(trust_env=False, follow_redirects=True) as reader:
        reader.request(method, once, headers=headers)
        assert "dd-session" not in reader.cookies
        assert reader.get(address(gateway)).status_code == 401
    assert browser.post(once).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Cookie": ""}, {"Sec-Purpose": "prefetch"}, {"Sec-Fetch-Mode": "no-cors"}, {"Cookie": "dd-launch=x"}]
)
def test_a_scanner_that_fetches_what_the_page_leads_to_leaves_the_link_good(gateway, browser, headers):
    once = link(gateway)
    step = page_of(gateway, browser, once)
    assert "dd-session" not in httpx.get(step, headers=headers, trust_env=False).headers.get("Set-Cookie", "")
    assert browser.get(step).status_code == 200


def test_the_step_of_one_link_is_not_taken_with_the_page_of_another(gateway, browser):
    step = page_of(gateway, browser, link(gateway))
    page_of(gateway, browser, link(gateway))
    assert "one step away" in browser.get(step).text


def test_a_page_elsewhere_signs_no_user_in(gateway):
    posted = httpx.post(link(gateway), headers={"Origin": "https://evil.example"}, trust_env=False)
    assert (posted.status_code, "Set-Cookie" in posted.headers) == (403, False)


def test_of_twenty_that_use_a_link_at_once_one_gets_in(gateway):
    once = link(gateway)
    with ThreadPoolExecutor(20) as people:
        answers = list(people.map(lambda _: httpx.post(once, trust_env=False).status_code, range(20)))
    assert sorted(answers) == [303] + [401] * 19


def test_in_chromium_a_link_leads_into_the_session_and_stands_in_no_history(gateway):
    with browser_page() as page:
        page.goto(gateway.url)
        page.goto(link(gateway))
        page.wait_for_url(address(gateway))
        page.go_back()
        assert page.url == f"{gateway.url}/"


def test_a_browser_that_follows_no_refresh_has_a_button(gateway):
    with browser_page() as page:
        page.goto(link(gateway).replace("dd-launch?", "dd-launch/enter?"))  # without the page's cookie: it stays
        page.get_by_role("button", name="Open the session").click()
        page.wait_for_url(address(gateway))


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


def test_who_was_signed_in_stays_signed_in_when_the_session_comes_back_at_another_place(gateway, browser, backend):
    browser.post(link(gateway))
    gateway.client.remove_route(ALICE)
    gateway.client.put_notices([Notice(ALICE, "moving", "Its work is being saved.", time.time())])
    assert browser.get(address(gateway)).status_code == 503
    with http_backend() as elsewhere:
        gateway.client.add_route(route_to(elsewhere.port, "alice", sign_in="link"))
        assert browser.get(address(gateway)).status_code == 200
        assert len(elsewhere.requests) == 1
        assert httpx.get(address(gateway), trust_env=False).status_code == 401


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


def test_a_forged_cookie_opens_nothing(gateway, browser):
    cookie = browser.post(link(gateway), follow_redirects=False).headers["Set-Cookie"].partition(";")[0]
    for forged in (
        re.sub(r"=\d+", "=9999999999", cookie),
        cookie[:-1],
        cookie[:-2] + "AA",
        "dd-session=",
        "dd-session=1",
        cookie + "A",
        cookie + ".",
        re.sub(r"=\d+", "=99999999999999999999", cookie),
        re.sub(r"=\d+", "=inf", cookie),
        re.sub(r"\.[\w-]+$", "", cookie),
        re.sub(r"\.([\w-])", lambda found: f".{chr(ord(found[1]) ^ 1)}", cookie),
    ):
        assert httpx.get(address(gateway), headers={"Cookie": forged}, trust_env=False).status_code == 401


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
        assert terminal.recv(5) == "still here"


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
