"""A typed client for the state of a driver: values go in and come out as one type, and are checked on both ways."""

from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from random import uniform
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from pool.drivers.state import StateRecord
from pool.errors import UnreadableState, VersionConflict
from tasks.drivers.state import delete_state, list_state, read_state, write_state

T = TypeVar("T")
TRIES = 20  # of a change that others come before
PAUSE = 0.05  # s, at most, before the next one
PAGE = 20  # records in one query: they may have 1 MB each


@dataclass(frozen=True)
class Kept(Generic[T]):
    """A value with its key and version."""

    key: str
    value: T
    version: int
    expires_at: datetime | None


class DriverState(Generic[T]):
    """The records of one driver that hold values of one type. Use it in the driver's own flows."""

    def __init__(self, namespace: str, kind: type[T]) -> None:
        """Keep what the records are called and hold.

        Args:
            namespace: the driver's name, as in PLUGIN_WHITELIST.
            kind: a pydantic model, a dataclass, ``dict[str, int]`` …: anything that pydantic writes as JSON.
        """
        self._namespace, self._type = namespace, TypeAdapter(kind)

    async def get(self, key: str) -> Kept[T] | None:
        """Return the record of this key; None: there is none, or it has expired.

        Raises:
            UnreadableState: it holds something else.
        """
        record = await read_state(self._namespace, key)
        return self._kept(record) if record else None

    async def put(self, key: str, value: T, version: int | None = None, expires_in: float | None = None) -> Kept[T]:
        """Write a value where the record has this version (0: is not there; None: any), for so many seconds.

        Raises:
            VersionConflict: it has another one.
            BadRequest: the key is none, or the value is too large.
        """
        plain = self._type.dump_python(value, mode="json")
        return self._kept(await write_state(self._namespace, key, plain, version, expires_in))

    async def change(self, key: str, change: Callable[[T | None], T], expires_in: float | None = None) -> Kept[T]:
        """Read, change and write a value; again, from what there is by then, where another run came before.

        Args:
            key: of the record.
            change: makes the new value of the old one, None where there is none. It may be called several times.
            expires_in: seconds from now; None: it stays.

        Raises:
            VersionConflict: others came before at each of 20 tries.
        """
        for left in reversed(range(TRIES)):
            found = await self.get(key)
            new = change(found.value if found else None)
            try:
                return await self.put(key, new, found.version if found else 0, expires_in)
            except VersionConflict:
                if not left:
                    raise
            await sleep(uniform(0, PAUSE))  # noqa: S311 - no secret
        raise AssertionError("the last try returns or raises")

    async def delete(self, key: str, version: int | None = None) -> bool:
        """Delete a record; whether it was there.

        Raises:
            VersionConflict: it has another version than the one that was named.
        """
        return await delete_state(self._namespace, key, version)

    async def under(self, prefix: str = "") -> AsyncIterator[Kept[T]]:
        """Go through the records whose keys begin so, by key; what is written meanwhile may be among them."""
        after = ""
        while page := await list_state(self._namespace, prefix, PAGE, after):
            for record in page:
                yield self._kept(record)
            after = page[-1].key

    def _kept(self, record: StateRecord) -> Kept[T]:
        try:
            value = self._type.validate_python(record.value)
        except ValidationError as error:  # its text would show the value
            first = error.errors(include_input=False, include_url=False)[0]
            raise UnreadableState(
                f"state of {self._namespace}: what key {record.key} holds is not what its reader takes: {first['msg']}"
            ) from None
        return Kept(record.key, value, record.version, record.expires_at)
