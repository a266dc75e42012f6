"""Sessions of the real stack in a real browser.

One is watched while it starts, one goes on by the button in its page, and one finds its user's files.
"""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


def test_a_browser_sent_at_once_sees_the_session_start_and_gets_in_by_itself(stack, artifacts):
    with browser_page() as page:  # a session starts sooner than a browser
        run = stack.trigger("provision-instance/on-demand", instance_id="watched-1")
        page.goto(first_answer(stack, "watched-1")["launch_url"])
        assert page.locator("h1").inner_text() in ("Your session is waiting for a place.", "Your session is starting.")
        page.screenshot(path=artifacts / "starting.png")
        page.locator(".jp-LauncherCard[data-category='Notebook']").first.wait_for()
    assert stack.finish(run)[0] == "COMPLETED"
    stack.end("watched-1")


def first_answer(stack, instance_id: str) -> dict:
    """The artifact as soon as it is there."""
    for _ in range(200):
        found = stack.api(
            "POST", "/artifacts/latest/filter", json={"artifacts": {"key": {"any_": [f"instance-{instance_id}"]}}}
        )
        if found.json():
            return json.loads(found.json()[0]["data"])[0]
        time.sleep(0.05)
    raise AssertionError(f"no artifact instance-{instance_id} within 10 s")


def test_a_session_that_ends_soon_goes_on_by_the_button_in_its_page_from_the_next_tick_on(stack, artifacts):
    stack.save_blueprint("short", lifetime=300, extend_by=3600, extensions=1)
    ends = ending(stack.provision("going-1", blueprint="short", user="ada"))
    with browser_page() as page:
        page.goto(stack.link("going-1"))
        page.get_by_text("This session ends in less than 5 minutes.").wait_for()
        stack.run("message-sessions/on-demand", words="We stop at six tonight.", instance_id="going-1")
        page.get_by_text("We stop at six tonight.").wait_for()
        page.screenshot(path=artifacts / "ends-soon.png")
        page.get_by_role("button", name="Go on for 60 minutes").click()
        asked = datetime.now(UTC)
        page.get_by_text("You asked that it goes on; that takes up to a minute.").wait_for()
        page.screenshot(path=artifacts / "asked.png")
        page.get_by_text("This session goes on, as you asked.").wait_for()
        page.screenshot(path=artifacts / "goes-on.png")
    until = ending(stack.answer("going-1"))
    assert until > ends
    assert abs(until - asked - timedelta(hours=1)) < timedelta(seconds=5)
    stack.end("going-1")


def ending(answer: dict) -> datetime:
    """When the session of this answer is to end."""
    return datetime.fromisoformat(answer["expires_at"])


WRITE = "open('thesis.txt', 'w').write('years of work')"
READ = "(open('thesis.txt').read(), __import__('os').stat('thesis.txt').st_uid == __import__('os').getuid())"


def test_a_file_that_was_written_in_a_notebook_is_there_in_the_next_session_and_its_users(stack, artifacts):
    stack.save_blueprint("keeping", keep=["/home/jovyan"])
    stack.provision("kept-1", blueprint="keeping", user="ada")
    with browser_page() as page:
        assert run_cell_in_jupyterlab(page, stack.link("kept-1"), WRITE) == "13"
    stack.end("kept-1")
    stack.provision("kept-2", blueprint="keeping", user="ada")
    with browser_page() as page:
        anew = stack.link("kept-2") + "&to=lab%3Freset"  # else the notebook of the first one is open again
        shown = run_cell_in_jupyterlab(page, anew, READ, artifacts / "kept.png")
    assert shown == "('years of work', True)"
    stack.end("kept-2")
