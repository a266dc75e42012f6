"""Applications of data people: each has the same button and takes the same file, and is served in its own way."""

import re

import pytest

from tests.rigs.waiting import until

pytestmark = [
    pytest.mark.applications,
    pytest.mark.timeout(300),
    pytest.mark.parametrize(
        "application", ["streamlit", "panel", "gradio", "marimo", "shiny", "voila"], indirect=True, scope="module"
    ),
]
BODY = bytes(range(256)) * 4096
COUNTED = re.compile(r"^counted (\d+)$")
#: What is opened in the session; others show it at their root.
PLACES = {"marimo": "?file=app.py"}


@pytest.fixture
def place(application):
    return PLACES.get(application.name, "")


def count(page) -> None:
    """One more, by the application's own connection to its program."""
    shown = until(lambda: COUNTED.match(page.get_by_text(COUNTED).inner_text()), "a number is drawn")
    counted = int(shown[1])
    page.get_by_role("button", name="Count").click()
    page.get_by_text(f"counted {counted + 1}", exact=True).wait_for()


def give(page, path) -> None:
    """A widget of a notebook makes its input when its button is clicked; others have one on the page."""
    if page.locator("input[type=file]").count():
        page.locator("input[type=file]").first.set_input_files(path)
    else:
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Upload").click()
        chosen.value.set_files(path)


def test_it_opens_by_a_link_and_asks_for_nothing_outside_of_its_session(visit):
    count(visit.page)
    visit.page.reload()
    count(visit.page)
    assert (visit.strayed, visit.refused) == ([], [])


def test_its_connection_lives_through_changes_of_other_routes_and_a_reload_of_the_gateway(visit):
    count(visit.page)
    before = visit.open_websockets()
    visit.change_gateway()
    count(visit.page)
    assert visit.open_websockets() == before


def test_a_file_goes_up_and_comes_down_as_it_was(visit, tmp_path):
    (tmp_path / "data.bin").write_bytes(BODY)
    count(visit.page)
    give(visit.page, tmp_path / "data.bin")
    visit.page.get_by_text(f"got {len(BODY)} bytes", exact=True).wait_for()
    with visit.page.expect_download() as fetched:
        visit.page.get_by_text("Fetch", exact=True).first.click()
    assert fetched.value.path().read_bytes() == BODY
    assert fetched.value.suggested_filename == "data.bin"
