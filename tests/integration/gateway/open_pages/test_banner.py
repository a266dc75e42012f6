"""The banner in an open page as its user's Chromium shows it. Screenshots go to tests/artifacts/pages."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from pool.records import SESSION_PORTS, Notice
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.ports import free_port

pytestmark = pytest.mark.integration

ARTIFACTS = Path(__file__).parents[4] / "tests" / "artifacts" / "pages"
#: An application that knows nothing but the one line; its own style would show through a banner that is not apart.
PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>A notebook</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>* { color: red; font-size: 40px } button { display: none }</style>
<script src="dd-notice/banner.js"></script>
<textarea aria-label="cell">6 * 7</textarea>"""
#: As strict as a page can be that lets its own scripts run.
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'"


class _Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in (("Content-Type", "text/html"), ("Content-Security-Policy", self.server.policy)):  # type: ignore[attr-defined]
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def application(policy: str) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port(SESSION_PORTS)), _Application) as server:
        server.policy = policy  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def gateway():
    with running_gateway(platform_url="https://my.example.org/") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def port():
    with application(POLICY) as port:
        yield port


@pytest.fixture(scope="module")
def visitor():
    with browser_page() as page:
        page.set_default_timeout(15_000)
        yield page


@pytest.fixture
def tell(gateway, port):
    """Have the gateway know more of the session."""
    at = int(time.time())

    def told(**seconds_and_words) -> None:
        moments = {name: at + value for name, value in seconds_and_words.items() if isinstance(value, int)}
        moments |= {name: seconds_and_words[name] for name in ("extend_by",) if name in seconds_and_words}
        gateway.client.add_route(route_to(port, **{"ends_because": "expired", **seconds_and_words, **moments}))

    return told


def opened(visitor, gateway):
    visitor.set_viewport_size({"width": 900, "height": 500})
    visitor.goto(gateway.address(route_to(0).id))
    return visitor.get_by_role("status")


def look_again(visitor) -> None:
    """What the page does when its user comes back to it, after five seconds."""
    visitor.wait_for_timeout(5200)
    visitor.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def pictured(visitor, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        visitor.emulate_media(color_scheme=scheme)
        visitor.screenshot(path=ARTIFACTS / f"{name}-{scheme}.png")


def test_a_page_whose_session_goes_on_shows_no_banner(gateway, visitor, tell):
    tell(ends_at=3600)
    with visitor.expect_response("**/dd-notice"):
        opened(visitor, gateway)
    visitor.wait_for_timeout(200)
    assert visitor.get_by_role("status").count() == 0


def test_a_user_whose_session_ends_soon_has_it_go_on_by_keyboard_alone(gateway, visitor, tell):
    tell(ends_at=250, extend_by=1800, extend_from=-60)
    status = opened(visitor, gateway)
    status.get_by_text("This session ends in less than 5 minutes. Its time is over then.").wait_for()
    pictured(visitor, "banner-extend")
    button = visitor.get_by_role("button", name="Go on for 30 minutes")
    while not button.evaluate("element => element.getRootNode().activeElement === element"):
        visitor.keyboard.press("Tab")
    visitor.keyboard.press("Enter")
    status.get_by_text("You asked that it goes on; that takes up to a minute.").wait_for()
    assert (button.count(), len(gateway.client.requested_extensions())) == (0, 1)
    tell(ends_at=1800, extend_by=1800, extend_from=1200)
    look_again(visitor)
    status.get_by_text("This session goes on, as you asked.").wait_for()
    pictured(visitor, "banner-goes-on")
    look_again(visitor)
    status.wait_for(state="hidden")


def test_what_an_operator_says_is_text_and_stays_hidden_once_it_was_hidden(gateway, visitor, tell):
    words = "<img src=x onerror=alert(1)> We stop at six & come back at seven."
    tell(ends_at=3600, message=words, message_level="warning", message_until=600)
    status = opened(visitor, gateway)
    status.get_by_text(words).wait_for()
    visitor.get_by_role("button", name="Hide").focus()
    visitor.keyboard.press("Escape")
    status.wait_for(state="hidden")
    look_again(visitor)
    visitor.wait_for_timeout(300)
    assert visitor.get_by_role("status").count() == 0
    words = "Please save your work: this machine is restarted at six."
    tell(ends_at=3600, message=words, message_level="info", message_until=600)
    look_again(visitor)
    status.get_by_text(words).wait_for()
    pictured(visitor, "banner-message")


def test_a_session_that_ended_says_so_in_the_page_that_is_open_and_leads_back(gateway, visitor, tell):
    tell(ends_at=250)
    status = opened(visitor, gateway)
    status.get_by_text("This session ends").wait_for()
    gateway.client.remove_route(route_to(0).id)
    gateway.client.put_notices([Notice(route_to(0).id, "ended", "Its time was over.", time.time())])
    look_again(visitor)
    status.get_by_text("This session has ended. Its time was over.").wait_for()
    assert (
        visitor.get_by_role("link", name="Back to the application").get_attribute("href") == "https://my.example.org/"
    )
    pictured(visitor, "banner-ended")


def test_on_a_telephone_the_banner_is_as_wide_as_it_may_be(gateway, visitor, tell):
    tell(ends_at=50, extend_by=1800, extend_from=-60, message="We stop at six " * 15, message_until=600)
    status = opened(visitor, gateway)
    visitor.set_viewport_size({"width": 360, "height": 700})
    status.get_by_text("in less than 1 minute").wait_for()
    pictured(visitor, "banner-phone")
    assert visitor.evaluate("document.documentElement.scrollWidth") <= 360
    box = visitor.get_by_role("button", name="Go on for 30 minutes").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
    assert box["height"] >= 32


def test_a_hidden_page_asks_for_nothing(gateway, visitor, tell):
    tell(ends_at=250)
    asked: list[str] = []
    visitor.on("request", lambda request: asked.append(request.url))
    opened(visitor, gateway).wait_for()
    visitor.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    before = len([url for url in asked if url.endswith("/dd-notice")])
    look_again(visitor)
    visitor.wait_for_timeout(300)
    assert len([url for url in asked if url.endswith("/dd-notice")]) == before == 1
