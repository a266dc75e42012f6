"""Links, cookies and pages on the real stack, in a real browser: one person, two sessions, and links that are no good.

The gateway's own tests say the same of a real nginx and a real browser, with no session behind them
(``tests/integration/gateway``, in `links` and in `pages`).
"""

import time

import pytest

from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab
from tests.rigs.present import present
from tests.rigs.stacks.visits import good_for
from tests.rigs.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1500)]

LINK_SECONDS = 10


def test_one_browser_opens_two_sessions_by_their_links_and_computes_in_both(stack, artifacts):
    answers = [stack.provision(name) for name in ("signed-1", "signed-2")]
    with browser_page() as page:
        for answer, source, shown in zip(answers, ("6*7", "6*8"), ("42", "48"), strict=True):
            link = stack.link(answer["instance_id"])
            assert run_cell_in_jupyterlab(page, link, source, artifacts / f"{answer['instance_id']}.png") == shown
            assert "ticket" not in page.url
        assert present(page.goto(answers[0]["url"] + "api/status")).status == 200
    stack.end("signed-2")


def test_a_session_url_without_a_link_shows_the_sign_in_page(stack):
    answer = stack.provision("signed-1")
    with browser_page() as page:
        assert present(page.goto(answer["url"])).status == 401
        assert page.locator("h1").inner_text() == "This session opens by a link only."


def test_a_link_after_its_time_and_a_used_link_open_nothing(stack, artifacts):
    used = stack.link("signed-1")
    with browser_page() as page:
        assert present(page.goto(used)).status == 200
        page.wait_for_url(lambda url: "dd-launch" not in url)
    stack.change_block("launch-link-keys", link_seconds=LINK_SECONDS)
    try:
        old = until(lambda: link_that_ends_soon(stack), "the worker has heard of the change", 60)
    finally:  # the links of the next tests are to outlive the start of a browser
        stack.change_block("launch-link-keys", link_seconds=120)
    time.sleep(LINK_SECONDS)
    for link in (old, used):
        with browser_page() as page:
            assert present(page.goto(link)).status == 401
            assert page.locator("h1").inner_text() == "This link is no longer good."


def link_that_ends_soon(stack) -> str:
    """A fresh link; none while the worker that makes it has not heard yet for how long links are good now."""
    link = stack.link("signed-1")
    return link if good_for(link) <= LINK_SECONDS else ""


def test_an_ended_session_says_why_and_the_pool_page_shows_the_others(stack, artifacts):
    stack.provision("over-1")
    stack.end("over-1")
    with browser_page() as page:
        assert present(page.goto(stack.answer("over-1")["url"])).status == 410
        assert page.get_by_text("It was ended by the application that started it.").is_visible()
        stack.provision("seen-1")
        page.goto(f"http://127.0.0.1:{stack.gateway_port}/pool/")
        page.get_by_role("rowheader", name="seen-1", exact=True).wait_for()  # the page loads itself again
        assert page.get_by_role("rowheader", name="signed-1", exact=True).is_visible()
        page.screenshot(path=artifacts / "pool.png")
    stack.end("signed-1", "seen-1")
