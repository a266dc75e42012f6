"""The same call by many threads that begin together, for what two workers may do to one record."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from pool.errors import Refused


def at_once(count: int, call: Callable[[int], object]) -> list:
    """What each of *count* threads, started together, got: a result, or the refusal that it met."""
    start = Barrier(count)

    def one(number: int) -> object:
        start.wait()
        try:
            return call(number)
        except Refused as refusal:
            return refusal

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))
