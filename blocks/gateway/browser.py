"""A visitor of the gateway, as a user's browser is one."""

from urllib.parse import urlsplit

import httpx

from blocks.gateway.settings import GatewayConfig


def browser(gateway: GatewayConfig | None = None) -> httpx.Client:
    """One that keeps cookies: signed in by a link, it may follow the link again.

    Args:
        gateway: one on this machine, which it comes to by all names of sessions, whatever name servers and authorities
            say of them here; None: it comes as any program of this machine.
    """
    transport = PastNameServers(gateway) if gateway else LikeABrowser()
    return httpx.Client(transport=transport, trust_env=False, timeout=10, follow_redirects=True)


def unreached(url: str) -> str:
    """Say why a program of this machine gets no answer at an address; empty: it gets one, whichever."""
    try:
        with browser() as visitor:
            visitor.get(url)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return ""


class LikeABrowser(httpx.HTTPTransport):
    """Takes names below "localhost" for this machine, as browsers do; the C library would ask a name server."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to loopback under the name that it was meant for."""
        if not request.url.host.endswith(".localhost"):
            return super().handle_request(request)
        here = request.url.copy_with(host="127.0.0.1")
        same = httpx.Request(
            request.method, here, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return super().handle_request(same)


class PastNameServers(LikeABrowser):
    """Takes the names of a gateway on this machine to it, as users' name servers do, and asks for no certificate."""

    def __init__(self, gateway: GatewayConfig) -> None:
        super().__init__(verify=False)
        self._gateway = gateway

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the gateway's own address under the name that it was meant for."""
        if not self._is_of_gateway(request.url.host):
            return super().handle_request(request)
        scheme = "https" if self._gateway.settings.certificate else "http"
        there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._gateway.address, self._gateway.address)  # noqa: S104 - read
        here = request.url.copy_with(scheme=scheme, host=there, port=self._gateway.port)
        named = request.extensions | {"sni_hostname": request.url.host}
        same = httpx.Request(request.method, here, headers=request.headers, stream=request.stream, extensions=named)
        return httpx.HTTPTransport.handle_request(self, same)

    def _is_of_gateway(self, host: str) -> bool:
        public, domain = urlsplit(self._gateway.public_url).hostname, self._gateway.session_domain.lower()
        return host == public or bool(domain and host.endswith(f".{domain}"))


def answers(url: str, visitor: httpx.Client) -> bool:
    """Whether the session answers with 200, redirects followed; a launch link signs the visitor in and is used up."""
    try:
        return visitor.request("POST" if "/dd-launch?" in url else "GET", url).status_code == 200
    except httpx.HTTPError:
        return False
