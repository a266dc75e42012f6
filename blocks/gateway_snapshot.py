"""The file from which nginx fills its table when it starts: every route, with its session's token, for root alone."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pool.records import Route

Records = dict[str, dict]


class Snapshot:
    """One JSON file, replaced as a whole; a lock file beside it orders the writers of all threads and processes."""

    def __init__(self, path: Path):
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; it goes with the process that dies holding it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def put(self, route: Route, otherwise: Callable[[], list[Route]]) -> None:
        """Add or change one route. Call it inside locked(); *otherwise* gives all when the file is no good."""
        self._write({**self._read(otherwise), route.id: asdict(route)})

    def drop(self, route_id: str, otherwise: Callable[[], list[Route]]) -> None:
        """Leave one route out. Call it inside locked(); *otherwise* gives all when the file is no good."""
        records = self._read(otherwise)
        if records.pop(route_id, None) is not None:
            self._write(records)

    def write(self, routes: list[Route]) -> None:
        """Hold exactly these routes. Call it inside locked()."""
        self._write({route.id: asdict(route) for route in routes})

    def _read(self, otherwise: Callable[[], list[Route]]) -> Records:
        try:
            return {record["id"]: record for record in json.loads(self._path.read_bytes())["routes"]}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {route.id: asdict(route) for route in otherwise()}

    def _write(self, records: Records) -> None:
        """Replace the file: a reader sees the old one or the new one.

        Not synced to disk: after a power cut the file may be old or broken, and then housekeeping repairs the table.
        """
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(json.dumps({"routes": list(records.values())}))  # json.dump() takes three times as long
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
