"""JupyterLab and Jupyter Notebook: kernels by websocket, files by their own pages."""

import pytest

from tests.rigs.waiting import until

pytestmark = [
    pytest.mark.applications,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("application", ["jupyterlab", "notebook"], indirect=True, scope="module"),
]
PLACES = {"jupyterlab": "lab/tree/work.ipynb", "notebook": "notebooks/work.ipynb"}
FILES = {"jupyterlab": "lab", "notebook": "tree"}
BODY = bytes(range(256)) * 4096


@pytest.fixture
def place(application):
    return PLACES[application.name]


def run_cell(page) -> None:
    """In the kernel that the page has. What is run before that one is connected, the page drops: it is run again."""
    before = _printed(page)
    until(lambda: _printed(page) > before, "the kernel answers", 60, meanwhile=lambda: _run(page))


def _printed(page) -> int:
    texts = page.locator(".jp-OutputArea-output pre").all_inner_texts()
    return int(texts[0].split()[1]) if texts else 0


def _run(page) -> None:
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(2000)


def test_it_opens_by_a_link_and_asks_for_nothing_outside_of_its_session(visit):
    run_cell(visit.page)
    assert (visit.strayed, visit.refused) == ([], [])


def test_a_kernel_lives_through_changes_of_other_routes_and_a_reload_of_the_gateway(visit):
    run_cell(visit.page)
    before = visit.open_websockets()
    visit.change_gateway()
    run_cell(visit.page)
    assert before
    assert visit.open_websockets()[: len(before)] == before


def test_a_file_goes_up_and_comes_down_as_it_was(visit, application, tmp_path):
    file = tmp_path / f"{tmp_path.name}.bin"  # another one for each form: none is asked about
    file.write_bytes(BODY)
    visit.page.goto(visit.address + FILES[application.name])
    with visit.page.expect_file_chooser() as chosen:
        visit.page.locator("[data-command='filebrowser:upload'], [title^='Upload'], .jp-id-upload").first.click()
    chosen.value.set_files(file)
    visit.page.locator(".jp-DirListing-item", has_text=file.name).click(button="right")
    assert (application.home / file.name).read_bytes() == BODY
    with visit.page.expect_download() as fetched:
        visit.page.get_by_role("menuitem", name="Download", exact=True).click()
    assert fetched.value.path().read_bytes() == BODY
