"""Post messages to a platform's webhook: in a thread of its own, and not at once again after one that failed."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property

import httpx

from blocks.publisher import Publisher
from pool.errors import WebhookTrouble
from pool.reports.webhooks import Message, headers

SECONDS = 5  # for a receiver to take the connection, and then for each part of its answer
#: Seconds until the next try: after one that failed, and twice as long after each further one.
FIRST, LONGEST = 2.0, 300.0


class Webhooks:
    """The webhook of one process: no work waits for it."""

    def __init__(self) -> None:
        self._thread = Publisher()
        self._failed = 0  # tries, since one worked
        self._until: datetime | None = None  # no try before
        self.trouble = ""  # of the last try, a sentence; empty: it worked

    def wake(self, send: Callable[[], object]) -> None:
        """Have *send* called soon, in the webhook's thread."""
        self._thread.wake(send)

    def is_pausing(self, now: datetime) -> bool:
        """Whether the last try failed so lately that there is none now."""
        return self._until is not None and self._until - timedelta(seconds=LONGEST) <= now < self._until

    def post(self, url: str, keys: Iterable[bytes], message: Message, now: datetime) -> None:
        """Post one message.

        Raises:
            WebhookTrouble: the receiver did not take it. There is a pause from now on.
        """
        self.trouble = self._try(url, headers(message, keys, now), message.body)
        self._failed = self._failed + 1 if self.trouble else 0
        pause = min(FIRST * 2 ** min(self._failed - 1, 20), LONGEST)
        self._until = now + timedelta(seconds=pause) if self.trouble else None
        if self.trouble:
            raise WebhookTrouble(self.trouble)

    def _try(self, url: str, said: dict[str, str], body: bytes) -> str:
        """Say why it was not taken, without the address: there may be a secret in it; empty: it was."""
        try:
            with self._client.stream("POST", url, headers=said, content=body) as answer:  # what it says is not read
                if answer.is_success:
                    return ""
                followed = "; redirects are not followed" if answer.is_redirect else ""
                return f"the webhook's receiver answers {answer.status_code}{followed}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"the webhook's receiver does not answer ({type(error).__name__})"

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=SECONDS, follow_redirects=False)
