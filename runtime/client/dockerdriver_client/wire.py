"""What both clients say to httpx, and how they read what comes back."""

from collections.abc import Mapping
from typing import Any

import httpx

from .password import Password
from .steps import Answer, Ask, NoAnswer


def checked_address(address: str) -> str:
    """Return the address of Prefect's API without a slash at its end.

    Raises:
        ValueError: it is no address of a server.
    """
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"{address!r} is not an address: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise ValueError(f"the address of Prefect's API has the form http://host:port/api: {address!r} has not")
    return str(url).rstrip("/")


def request_of(step: Ask, password: Password) -> Mapping[str, Any]:
    """Return the arguments of httpx's ``request``."""
    user, _, secret = password.pair.partition(":")
    how = {"timeout": step.seconds, "auth": (user, secret)}
    return {"method": step.method, "url": step.path, "json": step.body, **how}


def answer_of(response: httpx.Response) -> Answer:
    """Return what the calls want to know of it."""
    wanted = response.headers.get("retry-after", "")
    return Answer(response.status_code, response.text, float(wanted) if wanted.isdecimal() else None)


def no_answer(error: httpx.RequestError) -> NoAnswer:
    """Say why there is none."""
    said = str(error)
    return NoAnswer(f"{type(error).__name__}: {said}" if said else type(error).__name__)
