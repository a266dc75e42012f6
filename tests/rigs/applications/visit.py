"""A person with a browser in an application behind the gateway, and what the browser asked for meanwhile."""

import contextlib
import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from playwright.sync_api import Page, Request, Response, WebSocket

from blocks.stored.link_keys import LinkKeys
from tests.rigs.applications.running import Application
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import RunningGateway, only_routes, route_to

KEYS = LinkKeys.create()
LINK_SECONDS = 60


@dataclass
class Visit:
    """The page, and all that it did."""

    page: Page
    gateway: RunningGateway
    application: Application
    refused: list[str] = field(default_factory=list)  # answers of 400 and above, which its own pages do not ask for
    strayed: list[str] = field(default_factory=list)  # requests to the gateway's origin outside of the session
    abroad: set[str] = field(default_factory=set)  # other origins that were asked for something
    websockets: list[WebSocket] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.gateway.address(self.application.route.id)

    def watch(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)
        self.page.on("websocket", self._connected)

    def enter(self, place: str = "") -> None:
        """By a launch link, as a user does; it leads to a place below the session's root."""
        expires = datetime.now(UTC) + timedelta(seconds=LINK_SECONDS)
        route = self.application.route.id
        link = KEYS.launch_link(self.gateway.origin(route), route, expires)
        self.page.goto(f"{link}&to={quote(place, safe='')}" if place else link)
        self.page.wait_for_url(lambda url: "dd-launch" not in url)

    def change_gateway(self) -> None:
        """Other sessions come and go, the table is built anew, and nginx takes a new configuration."""
        for port in range(20000, 20020):
            self.gateway.client.add_route(route_to(port, f"user{port}"))
            self.gateway.client.remove_route(route_to(port, f"user{port}").id)
        only_routes(self.gateway.client, [self.application.route, route_to(20000, "another")])
        self.gateway.reload()

    def open_websockets(self) -> list[WebSocket]:
        return [one for one in self.websockets if not one.is_closed()]

    def _connected(self, websocket: WebSocket) -> None:
        self.websockets.append(websocket)

    def _asked(self, request: Request) -> None:
        origin = self.gateway.origin(self.application.route.id)
        if request.url.startswith(("data:", "blob:")):
            return
        if not request.url.startswith(f"{origin}/"):
            self.abroad.add("/".join(request.url.split("/")[:3]))
        elif not request.url.startswith(self.address):
            self.strayed.append(request.url)

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400 and answer.url.startswith(self.address):
            self.refused.append(f"{answer.status} {answer.request.method} {answer.url.removeprefix(self.address)}")


@contextlib.contextmanager
def visiting(gateway: RunningGateway, application: Application, screenshot: Path, place: str = "") -> Iterator[Visit]:
    """Come in by a link; at the end a picture is left of what was seen last."""
    gateway.client.put_keys(KEYS.for_gateway())
    only_routes(gateway.client, [application.route])
    with browser_page(*_trust(gateway)) as page:
        visit = Visit(page, gateway, application)
        visit.watch()
        try:
            visit.enter(place)
            yield visit
        finally:
            screenshot.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=screenshot)


def _trust(gateway: RunningGateway) -> list[str]:
    """Have Chromium believe this one key: a certificate that a user has merely accepted is none to service workers."""
    if not gateway.config.settings.certificate:
        return []
    certificate = load_pem_x509_certificate(Path(gateway.config.settings.certificate).read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = b64encode(hashlib.sha256(key).digest()).decode()
    return [f"--ignore-certificate-errors-spki-list={digest}"]
