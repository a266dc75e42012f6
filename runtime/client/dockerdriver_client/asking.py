"""One request to Prefect's API: asked again while the server is busy or away, judged once it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .errors import ClientError, Refused, Unauthorized, Unavailable
from .password import Password
from .pauses import Pauses
from .settings import Settings
from .steps import Answer, Ask, Pause, Reply, Steps, T

#: A try gets so many seconds at least, however late it is.
_SHORTEST = 0.1
_TOO_MANY = 429


class AbsentError(ClientError):
    """The server has no such thing: 404."""


@dataclass(frozen=True)
class Asking:
    """What requests are made with: whom to ask, as which user, and how patiently.

    Args:
        address: of Prefect's API.
        password: of it.
        settings: how patiently, and by which clock.
    """

    address: str
    password: Password
    settings: Settings

    def clock(self) -> float:
        """Return the seconds of the clock."""
        return self.settings.clock()

    def pause(self, pauses: Pauses, tries: int) -> float:
        """Return how many seconds to wait after so many tries."""
        return pauses.after(tries, self.settings.chance())

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, until: float, *, changes: bool = False
    ) -> Steps[Any]:
        """Ask until it is answered; what was answered.

        Every request that is made here may be repeated: it reads, or has an idempotency key.

        Raises:
            AbsentError: the server has no such thing.
            Refused: the request is not of its form, or the address is not Prefect's API.
            Unauthorized: the server does not take the password.
            Unavailable: no answer came until the moment *until* of the clock.
        """
        began, tries = self.clock(), 0
        while True:
            used, seconds = self.password.pair, max(_SHORTEST, min(self.settings.request_timeout, until - self.clock()))
            reply = yield Ask(method, path, body, seconds, changes)
            if isinstance(reply, Answer) and not self._ask_again(reply, used):
                return self._judged(method, path, reply)
            tries += 1
            pause = max(self.pause(self.settings.retries, tries), _wanted(reply))
            if self.clock() + pause >= until:
                raise self._given_up(self.clock() - began, tries, reply)
            yield Pause(pause)

    def _ask_again(self, answer: Answer, used: str) -> bool:
        """Whether it may be answered otherwise the next time: the server is busy, or the password was rotated."""
        if answer.status in {401, 403}:
            return self.password.renewed(used)
        return answer.status >= 500 or answer.status == _TOO_MANY

    def _given_up(self, seconds: float, tries: int, last: Reply) -> Unavailable:
        why = f"it answered {last.status}" if isinstance(last, Answer) else getattr(last, "why", "no answer")
        times = "1 try" if tries == 1 else f"{tries} tries"
        said = f"Prefect's server at {self.address} is not available: gave up after {seconds:.0f} s and {times} ({why})"
        return Unavailable(said, seconds)

    def _judged(self, method: str, path: str, answer: Answer) -> Any:
        if answer.status in {401, 403}:
            raise Unauthorized(f"Prefect's server at {self.address} does not take {self.password.name}")
        body = _read(answer.text)
        if answer.status == 404:
            raise AbsentError(f"{method} {path}: {_detail(body)}")
        if not 200 <= answer.status < 300:
            raise Refused(f"{_detail(body)} ({method} {path} was answered {answer.status})")
        if body is None:
            raise Refused(f"{self.address} is not the address of Prefect's API, which ends in /api: no JSON came back")
        return body


def _wanted(reply: Reply) -> float:
    """For how many seconds the server wants to be left alone."""
    return (isinstance(reply, Answer) and reply.retry_after) or 0.0


def _read(text: str) -> Any:
    """What the text says; None where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _detail(body: Any) -> str:
    """What the server says of a request that it does not take."""
    said = body if isinstance(body, dict) else {}
    found = said.get("detail") or said.get("exception_detail") or said.get("exception_message") or "no reason given"
    return found if isinstance(found, str) else json.dumps(found)


def read_table(rows: TypeAdapter[list[T]], artifact: Mapping[str, Any]) -> list[T]:
    """Return the rows of a table that a run left.

    Raises:
        ClientError: they are not of this form; it says where, and never what is there: a launch link may be.
    """
    try:
        return rows.validate_json(artifact.get("data") or "")
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'data'}: {each['type']}" for each in error.errors())
        said = f"the artifact {artifact.get('key')} is not of the form that this client knows ({wrong})"
        raise ClientError(said) from None
