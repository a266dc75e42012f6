"""What a session says in the heads of its answers: it speaks for itself alone, through a real nginx."""

import httpx
import pytest

from blocks.gateway.template import ORIGIN_HEADERS
from tests.rigs.gateways.backend import raw_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("a=1; Path=~; HttpOnly", "a=1; HttpOnly; Path={prefix}/"),
        ("a=1; path=~rstudio", "a=1; Path={prefix}/rstudio"),
        ("a=1", "a=1; Path={prefix}/set"),  # as browsers do: the directory of what was asked for
        ("a=1; Path", "a=1; Path; Path={prefix}/set"),
        ("a=1; Path=; Max-Age=5", "a=1; Max-Age=5; Path={prefix}/set"),
        ("a=1; Path=~x; path=~y", "a=1; Path={prefix}/y"),  # the last one counts
        ("a=1; Path=~x; Path=y", "a=1; Path={prefix}/set"),
        ("a=1;PATH =~x ;Secure;SameSite=None;Partitioned", "a=1;Secure;SameSite=None;Partitioned; Path={prefix}/x"),
        (
            "a=b=c; Expires=Wed, 09 Jun 2100 10:18:14 GMT",
            "a=b=c; Expires=Wed, 09 Jun 2100 10:18:14 GMT; Path={prefix}/set",
        ),
        ("a=x; domain=.example.org; Path=~", "a=x; Path={prefix}/"),
        ("__Secure-a=1; Path=~; Secure", "__Secure-a=1; Secure; Path={prefix}/"),
        ("a=1; Path={prefix}~x", "a=1; Path={prefix}/x"),
        ("a=1; Domain=example.org; Path=~", "a=1; Path={prefix}/"),
        ("a=1; Path=~notebooks~other-0123456789abcdef~", "a=1; Path={prefix}/notebooks/other-0123456789abcdef/"),
    ],
)
def test_a_cookie_never_leaves_its_session(browser, publish, told, seen):
    prefix = publish()
    wish = told.format(prefix=prefix.replace("/", "~")).replace(" ", "%20")
    answer = browser.get(f"{prefix}/set/Set-Cookie:{wish}")
    assert answer.headers["Set-Cookie"] == seen.format(prefix=prefix)


def test_a_cookie_of_the_host_is_the_sessions_alone_and_comes_back_under_its_name(gateway, browser, publish):
    prefix, alone = publish(), bool(gateway.config.session_domain)
    put = browser.get(f"{prefix}/set/Set-Cookie:__Host-a=1; Path=~; Secure".replace(" ", "%20")).headers["Set-Cookie"]
    own = "__Host-a=1; Secure; Path=/"
    assert put == (own if alone else f"__Secure-dd-host-a=1; Secure; Path={prefix}/")
    cookies = f"b=2; {put.partition(';')[0]}; c=3"
    heard = browser.get(f"{prefix}/", headers={"Cookie": cookies}).json()["headers"]["Cookie"]
    assert heard == "b=2; __Host-a=1; c=3"


def test_an_address_puts_no_attribute_into_a_cookie(browser, publish):
    prefix = publish()
    answer = browser.get(f"{prefix}/x;Domain=example.org/set/Set-Cookie:a=1")
    assert answer.headers["Set-Cookie"] == f"a=1; Path={prefix}/"


@pytest.mark.parametrize(
    "name", ["dd-session", "__Secure-dd-session", "__Host-dd-session", " dd-session", "=dd-session"]
)
def test_a_session_puts_no_cookie_of_our_name(browser, publish, name):
    answer = browser.get(f"{publish()}/set/Set-Cookie:{name.replace(' ', '%20')}=x;%20Max-Age=0")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "header", ["Set-Cookie: a=1; Path=/x~y", "Set-Cookie: a=1;~Path=/x", "Location: /x~y", "Refresh: 0~; url=/"]
)
def test_an_answer_that_is_full_of_spaces_costs_a_worker_no_more_than_another(gateway, publish, header):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{header.replace('~', ' ' * 70_000)}\r\n\r\nok"
    with raw_backend(head.encode()) as session:
        address = f"{gateway.origin(route_to(0).id)}{publish(port=session.port, rewrite_redirects=True)}/"
        before = gateway.cpu_seconds()
        answers = [httpx.get(address, trust_env=False).status_code for _ in range(10)]
    assert set(answers) == {200}
    assert (gateway.cpu_seconds() - before) / 10 < 0.01  # it was seconds, in which the worker served no other session


def test_of_one_answers_cookies_the_first_twenty_are_kept(gateway, publish):
    cookies = b"".join(b"Set-Cookie: c%d=x\r\n" % n for n in range(60))
    with raw_backend(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + cookies + b"\r\nok") as session:
        answer = httpx.get(f"{gateway.origin(route_to(0).id)}{publish(port=session.port)}/", trust_env=False)
    put = answer.headers.get_list("Set-Cookie")
    assert put == [f"c{n}=x; Path=/notebooks/{route_to(0).id}/" for n in range(20)]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ([], "same-origin"),
        (["no-referrer"], "no-referrer"),
        (["no-referrer", "unsafe-url"], "no-referrer, unsafe-url"),
    ],
)
def test_an_answer_has_one_referrer_policy(gateway, publish, said, heard):
    policies = "".join(f"Referrer-Policy: {policy}\r\n" for policy in said)
    with raw_backend(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{policies}\r\nok".encode()) as session:
        answer = httpx.get(f"{gateway.origin(route_to(0).id)}{publish(port=session.port)}/", trust_env=False)
    assert answer.headers.get_list("Referrer-Policy") == [heard]


@pytest.mark.parametrize("path", ["", "/never/", "/dd-launch?ticket=1", "/a/../b"])
def test_the_gateways_own_answers_at_a_sessions_address_have_one_too(browser, publish, path):
    policies = browser.get(publish(sign_in="link") + path).headers.get_list("Referrer-Policy")
    assert policies in (["same-origin"], ["no-referrer"])


#: Where a session would have nginx go in its name: our own addresses, named places, another session, elsewhere.
WAYS = (
    "~healthz", "healthz", "~pool~", "~downloads~x", "@trouble", "@refused", "~..~healthz", "~~healthz",
    "~notebooks~bob-0123456789abcdef~", "http:~~127.0.0.1~healthz", "~healthz?a=b",
)  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        *(f"X-Accel-Redirect:{way}" for way in WAYS),
        "x-accel-redirect:~healthz",
        *(f"{name}:~" for name in ORIGIN_HEADERS),
    ],
)
def test_a_session_cannot_speak_for_the_gateway(browser, publish, header):
    answer = browser.get(f"{publish()}/set/{header}")
    assert answer.json()["method"] == "GET"
    assert header.partition(":")[0] not in answer.headers


WORKER = b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nService-Worker-Allowed: /\r\nContent-Length: 2\r\n\r\n//"
REGISTER = "scope => navigator.serviceWorker.register('deep/down.js', {scope}).then(() => 'taken', () => 'refused')"


def test_in_chromium_a_sessions_worker_serves_all_of_its_session_and_nothing_besides(gateway, publish):
    with raw_backend(WORKER) as session, browser_page() as page:
        page.goto(f"{gateway.origin(route_to(0).id)}{publish(port=session.port)}/")
        own = f"/notebooks/{route_to(0).id}"
        for scope in (own, "/notebooks/", "/", f"/notebooks/{route_to(0, 'bob').id}/"):
            assert page.evaluate(REGISTER, scope) == "refused", scope
        assert page.evaluate(REGISTER, f"{own}/") == "taken"


@pytest.mark.parametrize("said", ["~", "~notebooks~", "~lab~", "..~", "http:~~elsewhere.example~", ""])
def test_whatever_a_session_allows_its_workers_is_its_own_root(browser, publish, said):
    root = publish()
    answer = browser.get(f"{root}/set/Service-Worker-Allowed:{said}")
    assert answer.headers.get_list("Service-Worker-Allowed") == [f"{root}/"]
