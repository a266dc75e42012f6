"""The gateway's pages for people: what a visitor reads when there is no session to show."""

import re
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from blocks.gateway.client import RouteRefused
from blocks.gateway.config import prepare_gateway
from pool.errors import BadRequest
from pool.records import Notice
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import only_routes, route_to, running_gateway

pytestmark = pytest.mark.integration

ROUTE = route_to(0).id
PATH = f"/notebooks/{ROUTE}/"
PLATFORM = "https://platform.example.org/my?tab=notebooks"
PAGES = sorted((Path(__file__).parents[4] / "nginx" / "pages").glob("*.html"))


@pytest.fixture(scope="module")
def gateway():
    with running_gateway(platform_url=PLATFORM) as gateway:
        yield gateway


@pytest.fixture
def visit(gateway):
    only_routes(gateway.client, [])
    with httpx.Client(base_url=gateway.url, trust_env=False, headers={"Accept": "text/html"}) as browser:
        yield browser.get


def tell(gateway, page: str, words: str = "Waiting.", seconds_ago: float = 7) -> None:
    gateway.client.put_notices([Notice(ROUTE, page, words, time.time() - seconds_ago)])


def test_a_session_that_starts_says_how_far_it_is_and_goes_on_by_itself(gateway, visit):
    tell(gateway, "starting", "Waiting for the notebook to answer.")
    answer = visit(PATH + "lab/tree/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Waiting for the notebook to answer." in answer.text
    assert re.search(r"Asked for [678] seconds ago", answer.text)
    assert '<meta http-equiv="refresh"' in answer.text


def test_a_session_that_is_moved_says_so_once_its_route_is_gone_and_goes_on_by_itself(gateway, visit):
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        tell(gateway, "moving", "It goes on on another machine in a moment.")
        assert visit(PATH).status_code == 200
    gateway.client.remove_route(ROUTE)
    answer = visit(PATH + "lab/tree/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "It goes on on another machine in a moment." in answer.text
    assert re.search(r"That goes on for [678] seconds", answer.text)
    assert '<meta http-equiv="refresh"' in answer.text


@pytest.mark.parametrize(
    ("position", "estimate_seconds", "said"),
    [
        (0, 0, "<strong></strong>"),
        (1, 0, "It is the next one."),
        (3, 150, "It is number 3. A place should be free in about 2 minutes."),
        (0, 45, "A place should be free in about 45 seconds."),
    ],
)
def test_a_queued_session_says_its_place_and_how_long_it_will_wait(gateway, visit, position, estimate_seconds, said):
    gateway.client.put_notices([Notice(ROUTE, "queued", "No host has room.", time.time(), position, estimate_seconds)])
    answer = visit(PATH)
    assert (answer.status_code, "No host has room." in answer.text, said in answer.text) == (503, True, True)


def test_an_ended_session_says_why_and_when_and_leads_back(gateway, visit):
    gateway.client.put_notices([Notice(ROUTE, "ended", "Its time was over.", 1_767_603_600.0)])
    answer = visit(PATH)
    assert answer.status_code == 410
    assert "Its time was over." in answer.text
    assert "2026-01-05 at 09:00 UTC" in answer.text
    assert f'<a href="{PLATFORM}">' in answer.text
    assert "refresh" not in answer.text


def test_a_route_takes_the_place_of_its_notice_for_good(gateway, visit):
    tell(gateway, "starting")
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        assert visit(PATH).status_code == 200
    gateway.client.remove_route(ROUTE)
    assert visit(PATH).status_code == 404


def test_a_program_gets_one_sentence(gateway):
    tell(gateway, "ended")
    answer = httpx.get(gateway.url + PATH, trust_env=False)
    assert (answer.status_code, answer.text) == (410, "This session has ended.\n")


def test_a_restarted_gateway_has_no_notices_and_says_so(gateway, visit):
    tell(gateway, "ended")
    assert gateway.client.count_notices() >= 1
    gateway.stop()
    gateway.start()
    assert gateway.client.count_notices() == 0
    assert visit(PATH).status_code == 404


def test_words_are_text_and_never_markup(gateway, visit):
    tell(gateway, "ended", "<script>alert('%1')</script> & <!-- time -->")
    assert "&lt;script&gt;alert(&#39;%1&#39;)&lt;/script&gt; &amp; &lt;!-- time --&gt;" in visit(PATH).text


@pytest.mark.parametrize(
    "wrong", [{"page": "secret"}, {"words": ""}, {"words": "x" * 301}, {"id": ""}, {"position": -1}]
)
def test_a_notice_of_another_form_is_refused(gateway, wrong):
    with pytest.raises(RouteRefused):
        gateway.client.put_notices([Notice(**{"id": ROUTE, "page": "ended", "words": "x", "at": 0.0} | wrong)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_needs_no_script_and_nothing_from_elsewhere(page):
    text = page.read_text()
    assert '<html lang="en">' in text
    assert re.search(r"<title>.+</title>", text)
    assert text.count("<h1>") == 1
    assert not re.search(r"<script|\bsrc=|\bhref=|url\(|@import|\bon\w+=", text)


def test_a_way_back_that_is_no_web_address_is_refused_in_a_sentence(gateway):
    settings = gateway.config.settings.model_copy(update={"platform_url": "javascript:x"})
    with pytest.raises(BadRequest, match="DD_GATEWAY_PLATFORM_URL is 'javascript:x'"):
        prepare_gateway(replace(gateway.config, settings=settings))
