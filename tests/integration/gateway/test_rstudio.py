"""RStudio behind the gateway, in both forms of address: against a stand-in, or a real image (``make test-image``)."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from blocks.stored.authority import CertificateAuthority
from blocks.stored.default_blueprints import BANNER
from pool.records import KeptWork
from tests.rigs.engines.light_host import light_host
from tests.rigs.gateways.browser import fresh_page, running_chromium
from tests.rigs.gateways.gateway import BOTH_FORMS, names_below_localhost, only_routes, running_gateway
from tests.rigs.present import present
from tests.rigs.rstudio.session import CHROME, TOKEN, Browser, rstudio
from tests.rigs.rstudio.stand_in import send_real, stand_in
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

REAL = os.environ.get("RSTUDIO_IMAGE", "")
stand_in_alone = pytest.mark.skipif(
    bool(REAL), reason="it looks at the stand-in's own page, files, password or older version; a real image has others"
)
ARTIFACTS = Path(__file__).parents[3] / "tests" / "artifacts" / "pages"
HOSTS = "10.231.0.0/16"  # the light ones
PAGE = "/usr/lib/rstudio-server/www/index.htm"
PASSWORD = "a password of this test"
SUSPENDED = "/home/rstudio/.local/share/rstudio/sessions/active/session-stand-in/suspended-session-data"


@pytest.fixture(scope="module", **BOTH_FORMS)
def gateway(request):
    with names_below_localhost(), running_gateway(session_domain=request.param, networks=(HOSTS,)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def host():
    with light_host(CertificateAuthority.create("test authority")) as host:
        yield host


@pytest.fixture(scope="module")
def image(host):
    if REAL:
        return send_real(REAL, host.engine)
    made = stand_in()
    host.engine.load([made.archive()])
    return made.id


@pytest.fixture(scope="module")
def session(host, image):
    with rstudio(host, image) as session:
        yield session


@pytest.fixture
def browser(gateway, session):
    with Browser(gateway, session) as browser:
        yield browser


@pytest.fixture(scope="module")
def chromium():
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture
def initialized(browser):
    """A browser that has loaded the main page and begun."""
    browser.get("")
    assert "result" in browser.call("rpc/client_init", "client_init", "", "")
    return browser


def test_a_browser_comes_to_the_main_page_and_is_never_led_outside_of_its_session(browser):
    answer = browser.get("")
    assert (answer.status_code, "RStudio" in answer.text, browser.strays(answer)) == (200, True, [])


def test_its_cookies_are_for_its_session_alone(browser, session):
    browser.get("")
    paths = {cookie.name: cookie.path for cookie in browser.cookies.jar}
    assert TOKEN in paths
    assert [path for path in paths.values() if not path.startswith(f"/notebooks/{session.route.id}")] == []


def test_who_has_been_there_is_not_asked_again(browser):
    browser.get("")
    assert browser.get("").history == []
    assert browser.strays(browser.get("auth-sign-in")) == []


def test_a_browser_that_it_does_not_support_is_told_so_within_its_session(gateway, session):
    with Browser(gateway, session, "curl/8") as old:
        answer = old.get("")
    assert (answer.url.path.rpartition("/")[2], old.strays(answer)) == ("unsupported_browser.htm", [])


def test_a_client_does_not_say_which_address_its_browser_has(browser):
    forged = {"X-RStudio-Request": "http://192.0.2.1/", "X-RStudio-Root-Path": "/elsewhere", "X-Forwarded-Host": "evil"}
    assert browser.strays(browser.get("", headers=forged)) == []


def test_a_call_without_the_token_of_its_page_does_nothing(initialized):
    answer = initialized.post("rpc/client_init", json={"method": "client_init", "params": ["", ""]})
    assert "result" not in (answer.json() if answer.status_code == 200 else {})


def test_a_question_for_events_is_held_until_there_is_one(initialized):
    initialized.call("rpc/console_input", "console_input", "1\n", "", 0)
    last = initialized.call("events/get_events", "get_events", -1)["result"][-1]["id"]
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(initialized.call, "events/get_events", "get_events", last)
        time.sleep(2)
        assert REAL or not held.done()
        initialized.call("rpc/console_input", "console_input", "2\n", "", 0)
        assert held.result(30)["result"]


def test_it_knows_its_root_path_also_where_no_proxy_tells_it(session):
    past = f"http://{session.host.address}:{session.spec.host_port}/auth-sign-in"
    answer = httpx.get(past, headers={"User-Agent": CHROME}, trust_env=False)
    paths = [line.partition("Path=")[2].partition(";")[0] for line in answer.headers.get_list("Set-Cookie")]
    assert paths
    assert {path.rstrip("/") for path in paths} == {f"/notebooks/{session.route.id}"}


def test_it_comes_back_from_a_restart_as_it_was(browser, session):
    session.host.engine.stop(session.spec.name, KeptWork().stop_seconds)
    session.host.engine.start(session.spec.name)
    session.wait()
    answer = browser.get("")
    assert (answer.status_code, browser.strays(answer)) == (200, [])


@stand_in_alone
def test_a_session_that_is_ended_for_a_backup_has_the_time_to_suspend(host, image):
    with rstudio(host, image, port=20001) as ending:
        host.engine.stop(ending.spec.name, KeptWork().stop_seconds)
        assert host.engine.find(ending.spec.name).exit_code == 0
        assert host.engine.read_files(ending.spec.name, SUSPENDED)


@stand_in_alone
def test_a_page_in_chromium_calls_and_hears_of_what_happens(gateway, session, chromium):
    only_routes(gateway.client, [session.route])
    with fresh_page(chromium) as page:
        page.goto(gateway.address(session.route.id))
        page.get_by_text("typed in a browser").first.wait_for()
        assert page.url == gateway.address(session.route.id)


@stand_in_alone
def test_its_page_says_when_the_session_ends_and_its_user_has_it_go_on_by_the_button(gateway, session, chromium):
    now = int(time.time())
    ends = {"ends_at": now + 250, "ends_because": "expired", "extend_by": 1800, "extend_from": now - 60}
    only_routes(gateway.client, [replace(session.route, **ends)])
    with fresh_page(chromium) as page:
        page.goto(gateway.address(session.route.id))
        page.get_by_text("This session ends in less than 5 minutes. Its time is over then.").wait_for()
        page.screenshot(path=ARTIFACTS / "banner-rstudio.png")
        page.get_by_role("button", name="Go on for 30 minutes").click()
        page.get_by_text("You asked that it goes on").wait_for()
        page.get_by_text("typed in a browser").first.wait_for()
    assert [*gateway.client.requested_extensions()] == [session.route.id]


@stand_in_alone
def test_a_container_that_is_started_again_has_the_line_for_the_banner_once(session):
    for _ in range(2):
        session.host.engine.stop(session.spec.name, KeptWork().stop_seconds)
        session.host.engine.start(session.spec.name)
        session.wait()
    page = b"".join(present(session.host.engine.read_files(session.spec.name, PAGE)))
    assert page.count(BANNER.encode()) == 1


@pytest.fixture(scope="module")
def guarded(host, image):
    """One that asks for a name and a password itself."""
    with rstudio(host, image, port=20002, DISABLE_AUTH="false", PASSWORD=PASSWORD) as session:
        yield session


def signed_in(browser, password):
    page = browser.get("")
    token = present(re.search(r'name="rs-csrf-token" type="hidden" value="([^"]+)"', page.text))[1]
    form = {"username": "rstudio", "password": password, TOKEN: token, "appUri": "/"}
    return page, browser.post("auth-do-sign-in", data=form)


@stand_in_alone
def test_its_own_sign_in_form_lets_the_user_in_by_the_password_and_no_other(gateway, guarded):
    with Browser(gateway, guarded) as browser:
        shown, refused = signed_in(browser, "another")
        assert shown.url.path.endswith("/auth-sign-in")
        assert "display: block" in refused.text
        _, let_in = signed_in(browser, PASSWORD)
    assert str(let_in.url) == browser.address
    assert [browser.strays(answer) for answer in (shown, refused, let_in)] == [[], [], []]


@stand_in_alone
def test_a_form_of_another_page_is_refused(gateway, guarded):
    with Browser(gateway, guarded) as browser:
        browser.get("")
        answer = browser.post("auth-do-sign-in", data={"username": "rstudio", "password": PASSWORD, TOKEN: "forged"})
    assert (answer.status_code, answer.text) == (400, "Missing or incorrect token.")


@stand_in_alone
def test_a_version_that_knows_no_root_path_stays_within_its_session_too(gateway, host, image):
    with rstudio(host, image, port=20003, STAND_IN_FOR="1.3") as older, Browser(gateway, older) as browser:
        answer = browser.get("")
        until(lambda: "result" in browser.call("rpc/client_init", "client_init"), "it answers calls")
    assert (answer.status_code, browser.strays(answer)) == (200, [])
