"""Sign-in by link on the real stack, in a real browser: one person, two sessions, and links that are no longer good."""

import json
import time

import pytest

from tests.rigs.gateways.browser import browser_page, run_cell_in_jupyterlab

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

LINK_SECONDS = 10


def document_of(stack, slug: str, name: str) -> dict:
    return stack.api("GET", f"/block_types/slug/{slug}/block_documents/name/{name}").json()


def end(stack, *instance_ids: str) -> None:
    for instance_id in instance_ids:
        state, message = stack.run("deprovision-instance/on-demand", instance_id=instance_id)
        assert state == "COMPLETED", message


def test_one_browser_opens_two_sessions_by_their_links_and_computes_in_both(stack, artifacts):
    answers = [stack.provision(name) for name in ("signed-1", "signed-2")]
    with browser_page() as page:
        for answer, source, shown in zip(answers, ("6*7", "6*8"), ("42", "48"), strict=True):
            link = stack.link(answer["instance_id"])
            assert run_cell_in_jupyterlab(page, link, source, artifacts / f"{answer['instance_id']}.png") == shown
            assert "ticket" not in page.url
        assert page.goto(answers[0]["url"] + "api/status").status == 200
    end(stack, "signed-2")


def test_a_session_url_without_a_link_shows_the_sign_in_page(stack):
    answer = stack.provision("signed-1")
    with browser_page() as page:
        assert page.goto(answer["url"]).status == 401
        assert page.locator("h1").inner_text() == "This session opens by a link only."


def test_a_link_after_its_time_and_a_used_link_open_nothing(stack, artifacts):
    used = stack.link("signed-1")
    with browser_page() as page:
        assert page.goto(used).status == 200
        page.wait_for_url(lambda url: "dd-launch" not in url)
    keys = document_of(stack, "launch-link-keys", "main")["id"]
    change = {"data": {"link_seconds": LINK_SECONDS}, "merge_existing_data": True}
    stack.api("PATCH", f"/block_documents/{keys}", json=change)
    old = stack.link("signed-1")
    time.sleep(LINK_SECONDS)
    for link in (old, used):
        with browser_page() as page:
            assert page.goto(link).status == 401
            assert page.locator("h1").inner_text() == "This link is no longer good."
    change["data"]["link_seconds"] = 120
    stack.api("PATCH", f"/block_documents/{keys}", json=change)


def test_a_browser_sent_at_once_sees_the_session_start_and_gets_in_by_itself(stack, artifacts):
    run = stack.trigger("provision-instance/on-demand", instance_id="watched-1")
    with browser_page() as page:
        page.goto(first_answer(stack, "watched-1")["launch_url"])
        assert page.locator("h1").inner_text() in ("Your session is waiting for a place.", "Your session is starting.")
        page.screenshot(path=artifacts / "starting.png")
        page.locator(".jp-LauncherCard[data-category='Notebook']").first.wait_for()
    assert stack.finish(run)[0] == "COMPLETED"


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


def test_an_ended_session_says_why_and_the_pool_page_shows_the_others(stack, artifacts):
    end(stack, "watched-1")
    with browser_page() as page:
        assert page.goto(stack.answer("watched-1")["url"]).status == 410
        assert page.get_by_text("It was ended by the application that started it.").is_visible()
        stack.provision("seen-1")
        page.goto(f"http://127.0.0.1:{stack.gateway_port}/pool/")
        page.get_by_role("rowheader", name="seen-1", exact=True).wait_for()  # the page loads itself again
        assert page.get_by_role("rowheader", name="signed-1", exact=True).is_visible()
        page.screenshot(path=artifacts / "pool.png")
    end(stack, "signed-1", "seen-1")


WRITE = "open('thesis.txt', 'w').write('years of work')"
READ = "(open('thesis.txt').read(), __import__('os').stat('thesis.txt').st_uid == __import__('os').getuid())"


def test_a_file_that_was_written_in_a_notebook_is_there_in_the_next_session_and_its_users(stack, artifacts):
    stack.save_blueprint("keeping", keep=["/home/jovyan"])
    stack.provision("kept-1", blueprint="keeping", user="ada")
    with browser_page() as page:
        assert run_cell_in_jupyterlab(page, stack.link("kept-1"), WRITE) == "13"
    end(stack, "kept-1")
    stack.provision("kept-2", blueprint="keeping", user="ada")
    with browser_page() as page:
        anew = stack.link("kept-2") + "&to=lab%3Freset"  # else the notebook of the first one is open again
        shown = run_cell_in_jupyterlab(page, anew, READ, artifacts / "kept.png")
    assert shown == "('years of work', True)"
    end(stack, "kept-2")
