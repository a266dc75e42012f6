"""Who may see the operators' page, asked of a real nginx."""

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from blocks.gateway.client import RouteRefused
from blocks.gateway.pool_page import PoolView, pool_page
from pool.changes import HistoryEntry
from pool.reports.run_forms import RunForms
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.pool_data import NOW, a_host

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def gateway():
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def passwords():
    """A file that nginx's workers, who are not root, can read."""
    directory = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
    directory.chmod(0o755)
    file = directory / "passwords"
    made = subprocess.run(("openssl", "passwd", "-5", "s3cret"), capture_output=True, text=True, check=True)
    file.write_text(f"operator:{made.stdout}")
    yield file
    shutil.rmtree(directory)


def visit(gateway, **kwargs) -> httpx.Response:
    return httpx.get(f"{gateway.url}/pool/", trust_env=False, **kwargs)


def test_what_housekeeping_drew_is_shown_on_this_machine(gateway):
    gateway.client.put_pool_page("<h1>Pools</h1>")
    answer = visit(gateway)
    assert (answer.status_code, answer.text) == (200, "<h1>Pools</h1>")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_before_the_first_tick_the_page_says_so():
    with running_gateway() as fresh:
        assert (visit(fresh).status_code, "has not drawn" in visit(fresh).text) == (503, True)


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Anything", "X-Real-IP", "Forwarded", "Via", "True-Client-IP"],
)
def test_who_comes_by_a_proxy_on_this_machine_sees_nothing(gateway, header):
    assert visit(gateway, headers={header: "6.6.6.6"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("[::1]:8000", 200),
        ("rebound.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.0.0.1", 403),
    ],
)
def test_without_passwords_it_opens_under_this_machines_own_names_alone(gateway, host, status):
    gateway.client.put_pool_page("<h1>Pools</h1>")
    assert visit(gateway, headers={"Host": host}).status_code == status


@pytest.mark.parametrize("wanted_as", ["empty", "iframe", "script", "image"])
def test_no_page_reads_or_frames_it(gateway, passwords, wanted_as):
    asked = {"Sec-Fetch-Dest": wanted_as, "Sec-Fetch-Site": "same-origin"}
    assert visit(gateway, headers=asked).status_code == 403
    with running_gateway(pool_passwords=passwords) as guarded:
        assert visit(guarded, headers=asked, auth=("operator", "s3cret")).status_code == 403


def test_who_comes_from_elsewhere_sees_nothing():
    with running_gateway(trusted_proxies=("127.0.0.1",)) as behind_a_balancer:
        assert visit(behind_a_balancer, headers={"X-Forwarded-For": "6.6.6.6"}).status_code == 403


def test_in_chromium_it_reloads_itself_and_no_notebook_of_the_same_origin_reads_it(gateway):
    peek = (
        "new Promise(done => setTimeout(() => {try {done(seen.document.title)} catch (error) {done(error.name)}}, 500))"
    )
    with http_backend() as session, browser_page() as page:
        gateway.client.add_route(route_to(session.port))
        gateway.client.put_pool_page('<meta http-equiv="refresh" content="1"><h1>Pools before</h1>')
        page.goto(f"{gateway.url}/pool/")
        gateway.client.put_pool_page("<h1>Pools after</h1>")
        page.get_by_text("Pools after").wait_for(timeout=10_000)
        page.goto(gateway.address(route_to(0).id))
        assert page.evaluate("fetch('/pool/').then(answer => answer.status)") == 403
        assert page.evaluate("() => {const seen = open('/pool/'); return " + peek + "}") == "SecurityError"


@pytest.mark.parametrize("asked", ["host=a}b", "host=%7D", "host=</style>", "host=a&user=b", "=a", "host="])
def test_what_asks_for_no_name_changes_nothing_of_the_page(gateway, asked):
    gateway.client.put_pool_page("<style></style><h1>Pools</h1>")
    assert httpx.get(f"{gateway.url}/pool/?{asked}", trust_env=False).text == "<style></style><h1>Pools</h1>"


def test_in_chromium_why_stays_open_while_the_page_reloads_and_a_link_leaves_it(gateway):
    lives = {"main-01": [HistoryEntry(NOW, "draining", "its lifetime is over")]}
    view = PoolView("main", [a_host()], [], [], of_hosts=lives)
    with http_backend() as elsewhere, browser_page() as page:
        forms = RunForms(f"http://127.0.0.1:{elsewhere.port}", {"drain-host": "7"})
        gateway.client.put_pool_page(pool_page([view], NOW, forms))
        page.goto(f"{gateway.url}/pool/")
        assert not page.get_by_text("its lifetime is over").is_visible()
        page.get_by_role("link", name="why").click()
        page.get_by_text("its lifetime is over").wait_for()
        gateway.client.put_pool_page(pool_page([replace(view, troubles=["drawn anew"])], NOW, forms))
        page.get_by_text("drawn anew").wait_for(timeout=20_000)
        assert page.get_by_text("its lifetime is over").is_visible()
        page.get_by_role("link", name="drain").click()
        page.get_by_text("/v2/deployments/deployment/7/run").wait_for()


def test_with_passwords_only_they_open_it(passwords):
    with running_gateway(pool_passwords=passwords) as gateway:
        gateway.client.put_pool_page("<h1>Pools</h1>")
        asked = visit(gateway)
        assert (asked.status_code, asked.headers["WWW-Authenticate"]) == (401, 'Basic realm="Pools of hosts"')
        assert visit(gateway, auth=("operator", "wrong")).status_code == 401
        assert visit(gateway, auth=("operator", "s3cret")).status_code == 200


def test_a_page_that_is_too_large_is_refused_and_the_old_one_stays(gateway):
    gateway.client.put_pool_page("old")
    with pytest.raises(RouteRefused, match="too large"):
        gateway.client.put_pool_page("x" * 1_048_577)
    assert visit(gateway).text == "old"
