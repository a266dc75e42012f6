"""Prefect's UI in an operator's browser, which keeps the API's password: what other pages and hostile texts can do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.rigs.gateways.browser import browser_page

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PICTURES = "![seen]({url}/a.png) <img src={url}/b.png> the last line"


@contextmanager
def page_elsewhere(body: str) -> Iterator[tuple[str, list[str]]]:
    """A page on another port of the same name, as a session's may be, and what it was asked for."""
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as it:
        Thread(target=it.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{it.server_port}", asked
        it.shutdown()


@pytest.fixture(scope="module")
def operator(server):
    """A browser that is logged in."""
    with browser_page() as page:
        page.goto(str(server.stranger.base_url))
        page.locator("input").first.fill(server.password)
        page.keyboard.press("Enter")
        page.get_by_text("Dashboard").first.wait_for()
        yield page


@pytest.mark.parametrize("path", ["/", "/api/health", "/api/admin/version", "/ui-settings"])
def test_every_answer_says_that_no_page_shows_it_in_a_frame(server, path):
    headers = server.stranger.get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_a_session_page_cannot_have_an_operator_click_in_the_ui_unseen(server, operator):
    with page_elsewhere(f"<iframe src='{server.stranger.base_url}/v2/dashboard'></iframe>") as (url, _):
        operator.goto(url)
        assert [frame.url for frame in operator.frames[1:]] == ["chrome-error://chromewebdata/"]


@pytest.mark.parametrize("place", ["", "/v2"])
def test_what_a_session_wrote_has_the_operators_browser_fetch_nothing(server, operator, place):
    with page_elsewhere("") as (url, asked):
        rows = json.dumps([{"line": PICTURES.format(url=url)}])
        made = server.call("POST", "/artifacts/", type="table", key="logs-eve-1", description="x", data=rows)
        operator.goto(f"{server.stranger.base_url}{place}/artifacts/artifact/{made['id']}")
        operator.get_by_text("the last line").first.wait_for()
        operator.wait_for_timeout(2000)
        assert asked == []
