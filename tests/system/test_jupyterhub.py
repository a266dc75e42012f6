"""A JupyterHub whose users' servers are sessions of the real stack, in a real browser."""

import pytest

from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab
from tests.rigs.hub.running_hub import needs_proxy, running_hub, sign_in
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1500), needs_proxy]

USER = "ada-of-a-hub"  # whose only session it is: other tests have the same stack


@pytest.fixture(scope="module")
def hub(stack, tmp_path_factory):
    api = f"http://127.0.0.1:{stack.prefect_port}/api"
    with running_hub(tmp_path_factory.mktemp("hub"), api, stack.data / "api-password") as hub:
        yield hub


def state_of_session(stack) -> str:
    (session,) = (each for each in stack.records.instances.all("main") if each.user == USER)
    return str(stack.answer(session.id)["state"])


def test_a_user_of_a_hub_computes_in_a_session_of_the_pool(stack, hub, artifacts):
    with browser_page() as page:
        sign_in(page, hub, USER)
        page.wait_for_url(f"http://127.0.0.1:{stack.gateway_port}/notebooks/**")
        shown = run_cell_in_jupyterlab(page, f"{hub.url}/user/{USER}/lab", "6*7", artifacts / "jupyterhub.png")
        assert (shown, "ticket" in page.url) == ("42", False)
        page.goto(f"{hub.url}/hub/dockerdriver/logs/{USER}")
        assert hub.state(USER)["ready"]


def test_a_hub_that_was_killed_leads_to_the_same_session(stack, hub):
    hub.kill()
    hub.start()
    with browser_page() as page:
        sign_in(page, hub, USER, f"/user/{USER}/lab")
        page.locator(".jp-LauncherCard, .jp-Notebook").first.wait_for()
    assert state_of_session(stack) == "running"


def test_a_server_that_is_stopped_is_a_session_that_is_over(stack, hub):
    hub.rest.delete(f"/users/{USER}/server").raise_for_status()
    until(lambda: not hub.state(USER), "the Hub knows", 120)
    assert state_of_session(stack) == "deleted"
