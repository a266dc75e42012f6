"""Ask a session directly, past the gateway, whether it answers HTTP."""

from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy

import httpx

ANSWER_SECONDS = 5
AT_ONCE = 256


def answers(address: str, port: int, path: str, authorization: str = "") -> bool:
    """Whether the notebook answers below 500. A socket that merely accepts, as Docker's does, is not an answer."""
    host = f"[{address}]" if ":" in address else address
    headers = {b"Authorization": authorization.encode()} if authorization else {}
    try:
        answer = _client().get(f"http://{host}:{port}{path}", headers=headers)
    except httpx.TransportError:
        return False
    return answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    """The process's one client, since making one takes longer than a question; it keeps no connection and no cookie.

    A port that answers is asked no more, and the next container there is another one.
    """
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    client = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS, limits=limits, verify=False)  # noqa: S501 - no TLS here
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client
