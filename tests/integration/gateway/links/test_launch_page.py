"""The page that a link shows: a person goes on from it by itself, what only reads leaves the link good."""

import re
from urllib.parse import quote

import httpx
import pytest

from tests.integration.gateway.links.launching import ALICE, address, link
from tests.rigs.gateways.browser import fresh_page, running_chromium
from tests.rigs.gateways.gateway import route_to
from tests.rigs.present import present

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def chromium():
    """One for all: to start it costs more than each of these tests."""
    with running_chromium() as chromium:
        yield chromium


def test_a_person_who_comes_by_a_link_ends_at_its_place(gateway, chromium):
    with fresh_page(chromium) as page:
        page.goto(f"{link(gateway)}&to={quote('lab/tree/a%20b?c=d&e=f', safe='')}")
        page.wait_for_url(f"{address(gateway)}lab/tree/a%20b?c=d&e=f")


def page_of(gateway, browser, address: str) -> str:
    """Where the page that a link shows goes on to."""
    answer = browser.get(address)
    assert answer.status_code == 200
    return gateway.origin(ALICE) + present(re.search(r'url=([^"]*)"', answer.text)).group(1)


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


def test_in_chromium_a_link_leads_into_the_session_and_stands_in_no_history(gateway, chromium):
    with fresh_page(chromium) as page:
        page.goto(gateway.url)
        page.goto(link(gateway))
        page.wait_for_url(address(gateway))
        page.go_back()
        assert page.url == f"{gateway.url}/"


def test_a_browser_that_follows_no_refresh_has_a_button(gateway, chromium):
    with fresh_page(chromium) as page:
        page.goto(link(gateway).replace("dd-launch?", "dd-launch/enter?"))  # without the page's cookie: it stays
        page.get_by_role("button", name="Open the session").click()
        page.wait_for_url(address(gateway))


def test_in_chromium_without_script_a_link_leads_into_the_session(gateway, chromium):
    with fresh_page(chromium, scripts=False) as page:
        page.goto(link(gateway))
        page.wait_for_url(address(gateway))


AHEAD = """([kind, href]) => {
    const rules = kind === 'prefetch' ? Object.assign(document.createElement('link'), {rel: kind, href})
        : Object.assign(document.createElement('script'), {type: 'speculationrules'});
    rules.textContent = JSON.stringify({prerender: [{urls: [href], eagerness: 'immediate'}]});
    document.head.append(rules);
}"""


def test_in_chromium_a_link_that_was_fetched_ahead_is_still_good(gateway, backend, chromium):
    gateway.client.add_route(route_to(backend.port, "bob"))
    once = link(gateway)
    with fresh_page(chromium) as page:
        for kind in ("prefetch", "prerender"):
            page.goto(gateway.address(route_to(0, "bob").id))
            with page.context.expect_event("response", lambda answer: answer.url == once) as ahead:
                page.evaluate(AHEAD, [kind, once])
            assert ahead.value.status == 503
        page.goto(once)
        page.wait_for_url(address(gateway))
