"""code-server: an editor whose files, terminals and extensions are behind two websockets, its previews in frames."""

import pytest

from tests.rigs.waiting import until

pytestmark = [
    pytest.mark.applications,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("application", ["code-server"], indirect=True, scope="module"),
]
WORKERS = "navigator.serviceWorker.getRegistrations().then(found => found.map(one => one.scope))"
BODY = bytes(range(256)) * 4096


def edit(page) -> None:
    """Open the file, and go to its end."""
    page.get_by_role("treeitem", name="notes.md").dblclick()
    page.locator(".editor-instance .view-lines").click()
    page.keyboard.press("Control+End")


def write(page, application, line: str) -> None:
    """Into the file, through the editor."""
    edit(page)
    page.keyboard.type(f"{line}\n")
    page.keyboard.press("Control+s")
    saved = application.home / "notes.md"
    until(lambda: line in saved.read_text(), f"{line!r} is saved", meanwhile=lambda: page.wait_for_timeout(100))


def choose(page, name: str) -> None:
    """From the menu that is open. For a moment its items take no click, but they take a key."""
    page.get_by_role("menuitem", name=name).hover()
    page.keyboard.press("Enter")


def test_it_opens_by_a_link_and_asks_for_nothing_outside_of_its_session(visit, application):
    write(visit.page, application, "A line that was typed.")
    missing = [one for one in visit.refused if "/vsda/" not in one]  # of VS Code's own builds alone: it does without
    assert (visit.strayed, missing) == ([], [])


def test_its_connections_live_through_changes_of_other_routes_and_a_reload_of_the_gateway(visit, application):
    write(visit.page, application, "Before.")
    before = visit.open_websockets()
    visit.change_gateway()
    write(visit.page, application, "After.")
    assert len(before) > 1
    assert visit.open_websockets()[: len(before)] == before


def test_its_worker_in_the_browser_serves_its_whole_session(visit):
    taken = lambda: visit.address in visit.page.evaluate(WORKERS)  # noqa: E731
    until(taken, "the worker is taken", meanwhile=lambda: visit.page.wait_for_timeout(100))


def test_a_preview_is_shown_in_its_frame(visit):
    edit(visit.page)
    visit.page.get_by_role("button", name="Open Preview").first.click()
    frame = visit.page.frame_locator("iframe.webview").frame_locator("iframe")
    frame.get_by_role("heading", name="A heading").wait_for()


def test_a_file_goes_up_and_comes_down_as_it_was(visit, application, tmp_path):
    file = tmp_path / f"{tmp_path.name}.bin"  # another one for each form: none is asked about
    file.write_bytes(BODY)
    visit.page.get_by_role("tree", name="Files Explorer").click(button="right", position={"x": 100, "y": 400})
    with visit.page.expect_file_chooser() as chosen:
        choose(visit.page, "Upload...")
    chosen.value.set_files(file)
    visit.page.get_by_role("treeitem", name=file.name).click(button="right")
    assert (application.home / file.name).read_bytes() == BODY
    with visit.page.expect_download() as fetched:
        choose(visit.page, "Download...")
    assert fetched.value.path().read_bytes() == BODY
