"""A real JupyterHub with a real proxy and a real browser; DockerDriver's API is of paper, and so are its sessions."""

import re
from contextlib import closing
from functools import partial

import httpx
import pytest

from tests.rigs.gateways.browser import browser_page
from tests.rigs.hub.paper_pool import PaperPool, served
from tests.rigs.hub.running_hub import RunningHub, needs_proxy, running_hub, sign_in
from tests.rigs.present import present
from tests.rigs.waiting import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    needs_proxy,
]

MORE = 'c.DockerDriverSpawner.blueprints = {"jupyter-minimal": "JupyterLab", "rstudio": "RStudio"}'


@pytest.fixture(scope="module")
def pool():
    with served(PaperPool()) as pool:
        yield pool


@pytest.fixture(scope="module")
def hub(pool, tmp_path_factory):
    home = tmp_path_factory.mktemp("hub")
    (home / "password").write_text("hub:made-up")
    with running_hub(home, f"{pool.url}/api", home / "password", MORE) as hub:
        yield hub


@pytest.fixture(autouse=True)
def as_at_first(pool):
    pool.begins_as, pool.refusal, pool.away = "running", "", False
    pool.asked.clear()


@pytest.fixture(scope="module")
def browser():
    with browser_page() as page:
        yield page.context.browser


@pytest.fixture
def page(browser):
    """A page of another person each time."""
    with browser.new_context() as context:
        context.set_default_timeout(30_000)
        yield context.new_page()


def session_of(pool: PaperPool, user: str) -> str:
    (session,) = (name for name, said in pool.sessions.items() if said["user"] == user)
    return session


def started(hub: RunningHub, pool: PaperPool, user: str, wait: bool = True) -> None:
    hub.rest.post(f"/users/{user}")
    assert hub.rest.post(f"/users/{user}/server").is_success
    until(lambda: hub.state(user).get("ready") or not wait, f"the server of {user} is ready")


def test_a_user_chooses_a_blueprint_and_ends_in_the_session(pool, hub, page):
    sign_in(page, hub, "ada")
    page.select_option("select[name=blueprint]", "rstudio")
    page.click("#spawn_form [type=submit]")
    page.wait_for_url(f"{pool.url}/**")
    assert re.fullmatch(r"session hub-ada-\w+ of ada is running", page.inner_text("h1"))
    assert pool.asked[0][1]["blueprint"] == "rstudio"
    assert pool.flows() == ["provision-instance", "issue-link"]


def test_a_user_that_waits_for_room_sees_how_far_it_is_and_goes_on(pool, hub, page):
    pool.begins_as = "queued"
    sign_in(page, hub, "bob")
    page.click("#spawn_form [type=submit]")
    page.get_by_text("It waits for room").first.wait_for()
    pool.move("running", session_of(pool, "bob"))
    page.wait_for_url(f"{pool.url}/**")


def test_a_refusal_is_a_sentence_of_the_hubs_page(pool, hub, page):
    pool.refusal = "pool main is full: 1 slot requested, 0 free on 4 active hosts"
    sign_in(page, hub, "cem")
    page.click("#spawn_form [type=submit]")
    page.get_by_text(pool.refusal).first.wait_for()


def test_an_address_below_a_server_leads_to_that_place_in_the_session(pool, hub, page):
    started(hub, pool, "mia")
    sign_in(page, hub, "mia", "/hub/user-redirect/lab/tree/a%2520b.ipynb")
    page.wait_for_url(f"{pool.url}/*/dd-launch?ticket=*&to=lab%2Ftree%2Fa%2520b.ipynb")


def test_another_user_does_not_get_in_and_a_stranger_is_sent_to_the_sign_in_page(pool, hub, page):
    started(hub, pool, "dora")
    sign_in(page, hub, "eve", "/user/dora/lab")
    page.get_by_text("No access to resources or resources not found").first.wait_for()
    answer = httpx.get(f"{hub.url}/user/dora/", follow_redirects=True, trust_env=False)
    assert answer.url.path == "/hub/login"
    assert pool.flows() == ["provision-instance"]


#: Spellings of the pages of nora, and of hers with a name or a server of one's own in them.
PAGES_OF_NORA = (
    "user/nora", "user/nora/", "user/%6eora/", "user/NORA/", "user/nora%2F", "user/nora%2Flab", "user/eve/../nora/",
    "user/eve/%2e%2e/nora/", "user/eve%2F..%2Fnora/", "user//nora/", "user/nora;x/", "user/nora%00/", "user/nora%20/",
    "user/nora?user=eve", "user/nora/eve", "user/eve/nora", "user/eve/x!user=nora", "user/*/", "user/eve!server=nora/",
    "user/nora,eve/", "user/eve%0Anora/", "logs/nora", "logs/%6eora", "logs/NORA", "logs/eve/../nora", "logs/nora%2F",
    "logs/eve/nora", "logs/nora/%2e%2e",
)  # fmt: skip


def test_no_spelling_of_another_users_page_gives_a_link_or_a_log(pool, hub):
    started(hub, pool, "nora")
    hub.rest.post("/users/eve")
    for asking in (client_of(hub, "eve"), httpx.Client(base_url=hub.url, trust_env=False, timeout=60)):
        with closing(asking):
            found = {page: asking.get(f"/hub/dockerdriver/{page}") for page in PAGES_OF_NORA}
        assert [page for page, answer in found.items() if "dd-launch" in answer.headers.get("location", "")] == []
        assert [page for page, answer in found.items() if page.startswith("logs") and answer.is_success] == []
    assert not {"issue-link", "instance-logs"} & set(pool.flows())


def is_ready(hub: RunningHub, user: str) -> bool:
    return bool(hub.state(user).get("ready"))


def client_of(hub: RunningHub, user: str) -> httpx.Client:
    """A program that is signed in to the Hub as a browser is, and follows no redirect."""
    client = httpx.Client(base_url=hub.url, trust_env=False, timeout=60)
    form = present(re.search(r'name="_xsrf" value="([^"]+)"', client.get("/hub/login").text))
    said = {"username": user, "password": "made-up", "_xsrf": form[1]}
    assert client.post("/hub/login", data=said).status_code == 302
    return client


def test_a_page_that_fetches_gets_no_link_and_a_program_no_api(pool, hub):
    started(hub, pool, "fay")
    headers = {"Sec-Fetch-Mode": "cors", "Authorization": hub.rest.headers["Authorization"]}
    page = f"{hub.url}/hub/dockerdriver/user/fay/"
    assert httpx.get(page, headers=headers, trust_env=False).status_code in {302, 403}
    assert httpx.post(f"{hub.url}/user/fay/api/kernels", trust_env=False).status_code == 405
    assert pool.flows() == ["provision-instance"]


def test_a_hub_that_died_finds_its_servers_and_takes_up_what_it_had_asked_for_and_starts_none_twice(pool, hub, browser):
    started(hub, pool, "gus")
    pool.begins_as = "starting"
    started(hub, pool, "hal", wait=False)
    until(lambda: "hal" in str(pool.asked), "the session is asked for")
    hub.kill()
    hub.start()
    pool.move("running", session_of(pool, "hal"))
    for user in ("gus", "hal"):
        until(partial(is_ready, hub, user), "the server is ready")
        with browser.new_context() as context:
            sign_in(page := context.new_page(), hub, user, f"/user/{user}/")
            page.wait_for_url(f"{pool.url}/**")
    assert pool.flows().count("provision-instance") == 2


def test_a_session_that_the_pool_ended_is_a_server_that_does_not_run(pool, hub, page):
    started(hub, pool, "jan")
    pool.move("deleted", session_of(pool, "jan"), end_cause="expired")
    until(lambda: not hub.state("jan"), "the Hub knows")
    sign_in(page, hub, "jan", "/user/jan/")
    page.get_by_text("Server not running").first.wait_for()


def test_a_server_that_is_stopped_is_a_session_that_is_ended(pool, hub):
    started(hub, pool, "kim")
    assert hub.rest.delete("/users/kim/server").is_success
    until(lambda: not hub.state("kim"), "the Hub knows")
    assert pool.sessions[session_of(pool, "kim")]["state"] == "deleted"


def test_a_user_reads_what_the_program_wrote(pool, hub, page):
    started(hub, pool, "lea")
    sign_in(page, hub, "lea", "/hub/dockerdriver/logs/lea")
    page.get_by_text(f"{session_of(pool, 'lea')} says hello").wait_for()
