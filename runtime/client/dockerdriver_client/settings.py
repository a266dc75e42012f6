"""How a client is made: what both kinds are given, and the calls that they carry out."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .asking import Asking
from .calls import Calls
from .events import AVAILABLE
from .password import Password
from .pauses import LOOKS, RETRIES, Pauses
from .runs import Runs
from .wire import checked_address


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How patient a client is, and by which clock.

    Args:
        timeout: seconds that a call may take in all, tries and pauses included, unless it is given another.
        request_timeout: seconds that one try may take for each of connecting, sending and being answered.
        retries: pauses before the same request again.
        looks: pauses before another look at what is waited for.
        events: whether waits are woken by Prefect's events, where websockets is installed.
        clock: seconds, of a clock that is never turned back.
        chance: a number from 0 to 1, another one each time.
    """

    timeout: float = 120.0
    request_timeout: float = 10.0
    retries: Pauses = RETRIES
    looks: Pauses = LOOKS
    events: bool = AVAILABLE
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


DEFAULTS = Settings()


class Made:
    """What both kinds of client are made of."""

    def __init__(
        self, address: str, password: str | None, password_file: str | Path | None, settings: Settings
    ) -> None:
        self._address = checked_address(address)
        self._password = Password(password, password_file)
        self._settings = settings
        asking = Asking(
            self._address,
            self._password,
            settings.clock,
            settings.chance,
            settings.request_timeout,
            settings.retries,
        )
        self._calls = Calls(asking, Runs(asking, settings.looks))

    def __repr__(self) -> str:
        """Say whom it asks; the password is not in it."""
        return f"{type(self).__name__}({self._address!r})"

    def _seconds(self, timeout: float | None) -> float:
        return self._settings.timeout if timeout is None else timeout
