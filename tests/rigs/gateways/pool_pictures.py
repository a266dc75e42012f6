"""Pictures of the pool page, as docs/gateway.md shows it: light, dark, on a telephone.

`python -m tests.rigs.gateways.pool_pictures docs/pictures` draws a pool that never was, in a gateway of its own. With
`--gateway http://127.0.0.1:8000 --session kim-1` it looks at an installation that runs.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import running_gateway
from tests.rigs.gateways.shown_pool import FAILED, shown_pool

WIDE, PHONE = (1100, 1100), (390, 844)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="that they are put into: docs/pictures")
    parser.add_argument("--gateway", help="address of a gateway that runs; a pool that never was unless said")
    parser.add_argument("--session", default=FAILED, help="whose reasons the dark one shows")
    said = parser.parse_args()
    if said.gateway:
        take(f"{said.gateway}/pool/", said.session, said.folder)
        return
    with running_gateway() as gateway:
        gateway.client.put_pool_page(shown_pool(datetime.now(UTC)))
        take(f"{gateway.url}/pool/", said.session, said.folder)


def take(address: str, session: str, folder: Path) -> None:
    """Look at the page at this address, and at why a session is as it is."""
    with browser_page() as page:
        _look(page, address, "light", WIDE)
        page.screenshot(path=folder / "pool-page.png", full_page=True)
        _look(page, address, "light", PHONE)
        page.screenshot(path=folder / "pool-page-phone.png")
        _look(page, f"{address}?session={session}", "dark", WIDE)
        page.get_by_text(f"Why session {session} is as it is").wait_for()
        page.screenshot(path=folder / "pool-page-why-dark.png")


def _look(page: Page, address: str, scheme: Literal["light", "dark"], size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    page.goto(address)


if __name__ == "__main__":
    main()
