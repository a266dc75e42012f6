"""A person at a browser: headless Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW = 60_000  # milliseconds: two cores, shared with the whole stack


@contextmanager
def browser_page(*flags: str) -> Iterator[Page]:
    """A fresh browser with one empty page; more *flags* for Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(SLOW)
        try:
            yield page
        finally:
            browser.close()


def run_cell_in_jupyterlab(page: Page, url: str, source: str, screenshot: Path | None = None) -> str:
    """Open JupyterLab, make a notebook, run one cell over the kernel's websocket, and return what it shows."""
    page.goto(url)
    page.locator(".jp-LauncherCard[data-category='Notebook']").first.click()
    page.get_by_text("| Idle").wait_for()  # the kernel is up; before that, JupyterLab drops what is run
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.type(source)
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output pre").first
    output.wait_for()
    if screenshot:
        screenshot.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=screenshot)
    return output.inner_text().strip()
