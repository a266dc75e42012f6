"""A visitor of the gateway, as a user's browser is one."""

import httpx


def browser() -> httpx.Client:
    """One that keeps cookies: signed in by a link, it may follow the link again."""
    return httpx.Client(transport=LikeABrowser(), trust_env=False, timeout=10, follow_redirects=True)


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


def answers(url: str, visitor: httpx.Client) -> bool:
    """Whether the session answers with 200, redirects followed; a launch link signs the visitor in and is used up."""
    try:
        return visitor.request("POST" if "/dd-launch?" in url else "GET", url).status_code == 200
    except httpx.HTTPError:
        return False
