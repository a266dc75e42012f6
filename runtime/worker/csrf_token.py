"""The token against forged requests that all clients of a process send to Prefect's API."""

import time
from typing import Any
from uuid import uuid4

#: For which no client asks again a server that said that it wants no token.
UNWANTED_SECONDS = 15.0


class CsrfToken:
    """The newest token of the process, with the id that it was given to and when it expires; or that none is wanted."""

    FACTS = ("csrf_client_id", "csrf_token", "csrf_token_expiration")

    def __init__(self) -> None:
        self._facts: tuple[Any, ...] = ()
        self._unwanted_until = 0.0

    def lend(self, client: Any) -> None:
        """Give it to a client that was given none yet; one that had it and lost it is refused it, and asks anew."""
        if time.monotonic() < self._unwanted_until:
            client.enable_csrf_support = False
        if client.csrf_token or not self._facts:
            return
        if client.csrf_client_id == self._facts[0]:  # the server did not take it
            client.csrf_client_id = uuid4()
            return
        for name, value in zip(self.FACTS, self._facts, strict=True):
            setattr(client, name, value)

    def take(self, client: Any) -> None:
        """Keep the token that a client has, or that the server told it that it wants none."""
        if not client.enable_csrf_support and time.monotonic() >= self._unwanted_until:
            self._unwanted_until = time.monotonic() + UNWANTED_SECONDS
        if client.csrf_token:
            self._facts = tuple(getattr(client, name) for name in self.FACTS)
