"""The file from which nginx fills its table when it starts: all routes, with their tokens, for its owner alone."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from blocks.files.private_files import open_lock
from pool.errors import GatewayTrouble
from pool.records import Route


class Snapshot:
    """One JSON file, replaced as a whole; a lock file beside it orders the writers of all threads and processes.

    It holds ``{"routes": [route, …], "keys": [{"id", "secret"}, …]}``. All but locked() are called inside locked().
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; it goes with the process that dies holding it."""
        with ExitStack() as stack:
            with self._on_disk():
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = stack.enter_context(open_lock(self._path.with_suffix(".lock")))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Say in one sentence what the disk refuses.

        Raises:
            GatewayTrouble: it is full, or broken.
        """
        try:
            yield
        except OSError as error:
            raise GatewayTrouble(f"the gateway's snapshot {self._path} cannot be written: {error.strerror}") from error

    def put(self, route: Route, otherwise: Callable[[], list[Route]]) -> None:
        """Add or change one route; *otherwise* gives all when the file is no good."""
        routes = self._routes(otherwise)
        self._write({**routes, route.id: asdict(route)}, self._keys())

    def drop(self, route_id: str, otherwise: Callable[[], list[Route]]) -> None:
        """Leave one route out; *otherwise* gives all when the file is no good."""
        routes = self._routes(otherwise)
        if routes.pop(route_id, None) is not None:
            self._write(routes, self._keys())

    def put_all(self, routes: list[Route]) -> None:
        """Hold exactly these routes, and the keys as they were."""
        self._write({route.id: asdict(route) for route in routes}, self._keys())

    def put_keys(self, keys: list[dict], otherwise: Callable[[], list[Route]]) -> None:
        """Hold exactly these keys, and the routes as they were; *otherwise* gives them when the file is no good."""
        self._write(self._routes(otherwise), keys)

    def _routes(self, otherwise: Callable[[], list[Route]]) -> dict[str, dict]:
        try:
            return {record["id"]: record for record in self._read()["routes"]}
        except (KeyError, TypeError):
            return {route.id: asdict(route) for route in otherwise()}

    def _keys(self) -> list[dict]:
        """Lost with a broken file until they are given again: links and cookies then open nothing, which is safe."""
        return self._read().get("keys", [])

    def _read(self) -> dict:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, routes: dict[str, dict], keys: list[dict]) -> None:
        """Replace the file: a reader sees the old one or the new one. A disk that is full leaves the old one.

        Not synced to disk: after a power cut the file may be old or broken, and then housekeeping repairs the table.
        """
        text = json.dumps({"routes": list(routes.values()), "keys": keys})  # json.dump() takes three times as long
        with self._on_disk():
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)  # mode 0600
            try:
                if os.geteuid() == 0:  # it is for those whose folder it is, also where root writes it
                    folder = self._path.parent.stat()
                    os.fchown(handle, folder.st_uid, folder.st_gid)
                with os.fdopen(handle, "w") as file:
                    file.write(text)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
