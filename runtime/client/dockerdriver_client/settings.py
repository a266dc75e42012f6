"""How patient a client is, and by which clock."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from .pauses import CHECKS, LOOKS, RETRIES, Pauses


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both kinds of client are set to.

    Args:
        timeout: seconds that a call may take in all, tries and pauses included, unless it is given another.
        request_timeout: seconds that one try may take for each of connecting, sending and being answered.
        retries: pauses before the same request again.
        looks: pauses before another look at what is waited for, where no events are heard.
        checks: the same while they are heard: one may be lost.
        events: whether waits are woken by Prefect's events, where websockets is installed.
        clock: seconds, of a clock that is never turned back.
        chance: a number from 0 to 1, another one each time.
    """

    timeout: float = 120.0
    request_timeout: float = 10.0
    retries: Pauses = RETRIES
    looks: Pauses = LOOKS
    checks: Pauses = CHECKS
    events: bool = True
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


DEFAULTS = Settings()
