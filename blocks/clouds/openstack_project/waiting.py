"""Waiting in OpenStack counts seconds, whatever one question takes, and is not ended by an error that passes."""

import time
from collections.abc import Callable
from typing import TypeVar

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from requests.exceptions import RequestException

from blocks.clouds.openstack_project.errors import translate_errors
from pool.errors import CloudRefused, CloudTrouble

PAUSE = 1.0
T = TypeVar("T")


def deadline(seconds: float) -> float:
    """Return the moment, on the clock that :func:`is_over` reads, that is so many seconds away."""
    return time.monotonic() + seconds


def is_over(until: float) -> bool:
    """Whether the deadline has passed."""
    return time.monotonic() > until


def patiently(ask: Callable[[], T], until: float, pause: float = PAUSE) -> T:
    """Ask the cloud until it answers: a 503, or a connection that breaks, is asked again until the deadline.

    Raises:
        SDKException, ClientException, RequestException: a refusal, at once; or the last error, after the deadline.
    """
    while True:
        try:
            return ask()
        except (SDKException, ClientException, RequestException) as error:
            if is_over(until) or not _passes(error):
                raise
        time.sleep(pause)


def _passes(error: Exception) -> bool:
    try:
        with translate_errors("wait"):
            raise error
    except CloudTrouble:
        return True
    except CloudRefused:
        return False
