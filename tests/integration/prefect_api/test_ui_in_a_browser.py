"""Prefect's UI in an operator's browser, which keeps the API's password: what other pages and hostile texts can do."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Error, Page
from prefect import flow
from prefect.settings import temporary_settings

from blocks.plots.demand import Panel, demand_plot
from blocks.prefect.port import PrefectPort
from blocks.stored.blueprint import Blueprint
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.pool_config import PoolConfig
from pool.reports.launches import LaunchTimes
from pool.what_if.figures import Bucket
from tests.rigs.gateways.browser import browser_page
from tests.rigs.pool_data import NOW
from tests.rigs.services.saved_blocks import register_block, save_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

ARTIFACTS = Path(__file__).parents[3] / "tests" / "artifacts" / "pages"
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


@flow(name="draw-the-day")
async def draw_the_day(svg: str) -> None:
    PrefectPort().write_picture(svg, "last-day-main", "At most 3 slots were wanted at once")


def a_day() -> str:
    """The last day of a pool, as a tick draws it."""
    parts = [Bucket(NOW + timedelta(minutes=5 * number), number % 7, 12, 0) for number in range(288)]
    launches = [LaunchTimes(NOW + timedelta(hours=hour), 0.4, 1.1, 4.0) for hour in range(0, 24, 3)]
    return demand_plot("Pool main", [Panel("a day", parts)], ZoneInfo("UTC"), launches)


@pytest.fixture(scope="module")
def deployed(server):
    """The server with two deployments, some blocks and a picture: made before a browser's loop runs in this thread."""
    server.provision()
    server.deploy("flows.hosts.drain_host.drain_host")
    server.deploy("flows.sessions.provision_instance.provision_instance")
    with temporary_settings(server.as_a_client):
        for kind in (Blueprint, PoolConfig, ChangeWebhook):
            register_block(kind)
        save_block(Blueprint(image="lab", port=8888), "lab")
        save_block(PoolConfig(), "main")
        asyncio.run(draw_the_day(a_day()))


@pytest.fixture(scope="module")
def operator(server, deployed):
    """A browser that is logged in."""
    with browser_page() as page:
        open_sign_in(page, str(server.stranger.base_url))
        page.locator("input").first.fill(server.password)
        page.keyboard.press("Enter")
        page.get_by_text("Dashboard").first.wait_for()
        yield page


def open_sign_in(page: Page, url: str) -> None:
    """Open the page that asks for the password; once more, as a person does, where it stays empty on a busy machine."""
    for _ in range(2):
        page.goto(url)
        with suppress(Error):
            page.locator("input").first.wait_for()
            return
    pytest.fail(f"no sign-in at {page.url}: {page.inner_text('body')[:300]!r}")


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


def test_a_link_of_the_pool_page_opens_the_form_of_a_flow_filled_in_and_does_nothing_by_itself(server, operator):
    with temporary_settings(server.as_a_client):
        forms = PrefectPort().run_forms(["drain-host"])
    before = server.call("POST", "/flow_runs/count")
    operator.goto(forms.address("drain-host", host="main-07"))
    operator.locator("input[value='main-07'], textarea:text-is('main-07')").first.wait_for()
    assert server.call("POST", "/flow_runs/count") == before


def test_before_the_deployments_are_there_no_form_is_known(server):
    with temporary_settings(server.as_a_client):
        assert PrefectPort().run_forms(["no-such-flow"]).address("no-such-flow") == ""


def test_a_kind_of_block_has_its_picture_in_the_catalogue_without_the_internet(server, operator):
    operator.goto(f"{server.stranger.base_url}/v2/blocks/catalog")
    picture = operator.locator("img[src$='/block-pictures/blueprint.svg']")
    picture.wait_for()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0


def test_the_picture_of_a_day_is_seen_on_the_page_of_its_artifact(server, operator):
    operator.goto(f"{server.stranger.base_url}/v2/artifacts/key/last-day-main")
    operator.get_by_text("At most 3 slots").first.wait_for()
    (made,) = server.call("POST", "/artifacts/filter", artifacts={"key": {"any_": ["last-day-main"]}})
    operator.goto(f"{server.stranger.base_url}/v2/artifacts/artifact/{made['id']}")
    picture = operator.locator("img[alt='artifact-image']")
    picture.wait_for()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    operator.screenshot(path=ARTIFACTS / "artifact-last-day.png")


def look(operator, server, path: str, name: str) -> None:
    """Open a form and keep pictures of both colour schemes."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    operator.goto(f"{server.stranger.base_url}/v2{path}")
    operator.get_by_role("button", name="Cancel").or_(operator.get_by_role("link", name="Cancel")).first.wait_for()
    for scheme in ("light", "dark"):
        operator.emulate_media(color_scheme=scheme)
        operator.wait_for_timeout(500)
        operator.screenshot(path=ARTIFACTS / f"{name}-{scheme}.png")


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Blueprint, "Memory, in MB"), (PoolConfig, "Most hosts (DD_MAX_HOSTS)"), (ChangeWebhook, "Address")],
)
def test_the_form_of_a_block_calls_its_fields_in_words(server, operator, kind, words):
    slug = kind.get_block_type_slug()
    look(operator, server, f"/blocks/catalog/{slug}/create", f"form-{slug}")
    assert operator.get_by_text(words).first.is_visible()


def test_the_form_of_a_session_calls_its_parameters_in_words_and_has_a_field_for_each_option(server, operator):
    deployment = server.call("GET", "/deployments/name/provision-instance/on-demand")["id"]
    look(operator, server, f"/deployments/deployment/{deployment}/run", "form-provision-instance")
    titles = (
        "Session",
        "Blueprint",
        "Name of the session, chosen by the platform",
        "Longest wait for room, in seconds",
    )
    for title in titles:
        assert operator.get_by_text(title).first.is_visible(), title


def test_the_form_of_a_session_offers_the_blueprints_that_there_are_now(server, operator):
    deployment = server.call("GET", "/deployments/name/provision-instance/on-demand")["id"]
    operator.goto(f"{server.stranger.base_url}/v2/deployments/deployment/{deployment}/run")
    operator.get_by_label("Select Blueprint").click()
    operator.get_by_role("option", name="lab").wait_for()
    operator.screenshot(path=ARTIFACTS / "form-choices.png")


def test_the_form_of_a_host_offers_the_hosts_of_the_last_tick(server, operator):
    rows = json.dumps([{"host": "main-01", "state": "active"}])
    server.call("POST", "/artifacts/", type="table", key="hosts-main", data=rows)
    deployment = server.call("GET", "/deployments/name/drain-host/on-demand")["id"]
    look(operator, server, f"/deployments/deployment/{deployment}/run", "form-drain-host")
    operator.get_by_label("Select Host").click()
    operator.get_by_role("option", name="main-01").wait_for()


def test_a_value_that_makes_no_sense_is_told_below_its_field(server, operator):
    operator.goto(f"{server.stranger.base_url}/v2/blocks/catalog/blueprint/create")
    operator.get_by_role("button", name="Save").wait_for()
    operator.locator("input").first.fill("odd")
    operator.locator("textarea").first.fill("lab@latest")
    operator.locator("input[type=number]").first.fill("8888")
    operator.get_by_role("button", name="Save").click()
    operator.get_by_text("after the @ there must be a digest").first.wait_for()
