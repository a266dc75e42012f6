"""A person at a browser: headless Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

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
def running_chromium(*flags: str) -> Iterator[Browser]:
    """A browser for several tests, which asyncio of the same process may not run beside; more *flags* for Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def fresh_page(browser: Browser, scripts: bool = True) -> Iterator[Page]:
    """An empty page of a person whom nothing in the browser remembers; *scripts*: whether pages may run them."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, java_script_enabled=scripts)
    page.set_default_timeout(SLOW)
    try:
        yield page
    finally:
        page.context.close()


@contextmanager
def browser_page(*flags: str) -> Iterator[Page]:
    """A fresh browser with one empty page; more *flags* for Chromium."""
    with running_chromium(*flags) as browser, fresh_page(browser) as page:
        yield page


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
