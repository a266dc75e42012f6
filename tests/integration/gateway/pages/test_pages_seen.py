"""The gateway's pages as a visitor's Chromium shows them, light and dark. Screenshots go to tests/artifacts."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.stored.link_keys import LinkKeys
from pool.records import Notice
from pool.reports.visitor_notices import notice_of
from pool.states import EndCause, InstanceState
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.gateways.shown_pool import shown_pool
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.integration

ARTIFACTS = Path(__file__).parents[4] / "tests" / "artifacts" / "pages"
SIGNED, GONE, COMING = (route_to(0, name).id for name in ("signed", "gone", "coming"))


@pytest.fixture(scope="module")
def gateway():
    with (
        http_backend() as session,
        running_gateway(platform_url="https://my.example.org/") as gateway,
    ):
        gateway.client.add_route(route_to(session.port, "signed", sign_in="link"))
        gateway.client.put_keys(LinkKeys.create().for_gateway())
        yield gateway


@pytest.fixture(scope="module")
def visitor():
    with browser_page() as page:
        page.set_viewport_size({"width": 720, "height": 420})
        yield page


def look(page, gateway, path: str, name: str) -> str:
    """Open it and keep pictures of both colour schemes; the heading."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.goto(gateway.url + path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=ARTIFACTS / f"{name}-{scheme}.png")
    return page.locator("h1").inner_text()


def test_a_visitor_who_waits_reads_which_place_is_theirs_and_for_how_long(gateway, visitor):
    waiting = an_instance(
        route=COMING, state=InstanceState.QUEUED, created_at=datetime.now(UTC) - timedelta(seconds=40)
    )
    gateway.client.put_notices([notice_of(waiting, position=3, estimate_seconds=150)])
    assert look(visitor, gateway, f"/notebooks/{COMING}/", "queued") == "Your session is waiting for a place."
    assert visitor.get_by_text("It is number 3. A place should be free in about 2 minutes.").is_visible()


def test_a_visitor_of_a_starting_session_reads_how_far_it_is(gateway, visitor):
    words = "Its container runs; waiting for the notebook to answer."
    gateway.client.put_notices([Notice(COMING, "starting", words, time.time() - 5)])
    assert look(visitor, gateway, f"/notebooks/{COMING}/", "starting") == "Your session is starting."
    assert visitor.get_by_text(words).is_visible()


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (EndCause.EXPIRED, "Its time was over."),
        (EndCause.IDLE, "It was not used for a while."),
        (EndCause.OUT_OF_MEMORY, "It needed more memory than it may have."),
        (EndCause.HOST_LOST, "The machine that it ran on was lost."),
    ],
)
def test_a_visitor_of_an_ended_session_reads_why_and_when_and_finds_back(gateway, visitor, cause, words):
    ended = {"route": COMING, "state": InstanceState.DELETED, "end_cause": cause, "state_since": datetime.now(UTC)}
    gateway.client.put_notices([notice_of(an_instance(**ended))])
    assert look(visitor, gateway, f"/notebooks/{COMING}/", f"ended-{cause}") == "This session has ended."
    assert visitor.get_by_text(words).is_visible()
    assert visitor.get_by_text(f"{datetime.now(UTC):%Y-%m-%d}").is_visible()
    assert visitor.get_by_role("link", name="Back to the application").is_visible()


def test_a_visitor_of_a_starting_session_gets_into_it_without_a_click(gateway, visitor):
    gateway.client.put_notices([Notice(GONE, "starting", "Waiting.", time.time())])
    with http_backend() as session:
        visitor.goto(f"{gateway.url}/notebooks/{GONE}/")
        gateway.client.add_route(route_to(session.port, "gone"))
        visitor.get_by_text('"method": "GET"').wait_for(timeout=10_000)
    gateway.client.remove_route(GONE)


def test_a_visitor_without_a_link_and_one_with_a_bad_link_read_what_to_do(gateway, visitor):
    assert look(visitor, gateway, f"/notebooks/{SIGNED}/", "sign_in") == "This session opens by a link only."
    old = LinkKeys.create().launch_link("", SIGNED, datetime.now(UTC) - timedelta(seconds=1))
    assert look(visitor, gateway, old, "bad_link") == "This link is no longer good."
    assert visitor.get_by_role("link", name="Back to the application").is_visible()


def test_a_visitor_who_asks_too_often_is_told_to_wait(visitor):
    with running_gateway(address_requests=1) as busy:
        for _ in range(12):  # one a second, and a burst of five
            visitor.request.get(busy.url)
        assert look(visitor, busy, "/", "too_many") == "Too many requests at once."


@pytest.fixture
def the_pool(gateway):
    """The page of a pool that is in use."""
    gateway.client.put_pool_page(shown_pool(datetime.now(UTC)))


def test_an_operator_sees_the_pool(gateway, visitor, the_pool):
    visitor.set_viewport_size({"width": 1100, "height": 1100})
    assert look(visitor, gateway, "/pool/", "pool") == "Pools of hosts"
    assert visitor.get_by_role("link", name="return").is_visible()
    assert visitor.get_by_role("link", name="how long starts took").is_visible()
    look(visitor, gateway, "/pool/?host=main-03", "pool-why")
    assert visitor.get_by_text("configured and tested").is_visible()


def test_an_operator_sees_the_pool_on_a_telephone(gateway, visitor, the_pool):
    visitor.set_viewport_size({"width": 390, "height": 844})
    assert look(visitor, gateway, "/pool/", "pool-phone") == "Pools of hosts"
    assert visitor.evaluate("document.documentElement.scrollWidth") <= 390
    assert all(height < 140 for height in heights(visitor, "table tr"))


def test_on_a_telephone_the_picture_of_the_day_shows_its_newest_hours(gateway, visitor, the_pool):
    visitor.set_viewport_size({"width": 390, "height": 844})
    look(visitor, gateway, "/pool/", "pool-phone")
    drawn = visitor.locator(".picture svg").first.bounding_box()
    assert drawn["x"] < 0  # begins beyond the left edge: its right end is in sight
    assert drawn["x"] + drawn["width"] <= 390


def test_on_a_telephone_why_a_host_is_as_it_is_is_read_without_scrolling_sideways(gateway, visitor, the_pool):
    visitor.set_viewport_size({"width": 390, "height": 844})
    look(visitor, gateway, "/pool/?host=main-03", "pool-phone-why")
    reason = visitor.get_by_text("configured and tested").first.bounding_box()
    assert reason["x"] + reason["width"] <= 390


def heights(visitor, rows: str) -> list[float]:
    """Pixels of each row that is shown."""
    return [box["height"] for row in visitor.locator(rows).all() if (box := row.bounding_box())]
