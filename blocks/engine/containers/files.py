"""Files of a container, as one stream out of it or into it; what its program is told before; its orderly end."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from time import monotonic, sleep
from urllib.parse import quote

import docker
from docker.errors import NotFound, create_api_error_from_http_exception
from requests import HTTPError, Response

from blocks.engine.containers import inventories
from blocks.engine.containers.busybox import static_busybox
from pool.backups.inventory import Inventory, read_inventory
from pool.records import KeptWork

CHUNK = 1 << 18
STEP_SECONDS = 60
LIST_SECONDS = 30  # that a list may take: without it, all is read
SILENT_SECONDS = 120  # a busy disk may be that long about one large file


class ContainerFiles:
    """What an engine does with files of containers: running, stopped or not started yet."""

    @abstractmethod
    def client(self, step: str, timeout: float = SILENT_SECONDS) -> AbstractContextManager[docker.APIClient]:
        """Lend the SDK's client for one step."""

    def read_files(self, container: str, path: str) -> Iterator[bytes] | None:
        """Read a file or folder as a tar whose names begin with its own; None where the container has no such path.

        Raises:
            EngineTrouble: there is no such container. Also while it is read, like `HostUnreachable`.
        """
        chunks = self._read(container, path)
        if next(chunks):
            return chunks
        next(chunks, None)  # it ends, and gives the connection back
        return None

    def _read(self, container: str, path: str) -> Iterator[bytes]:
        """First something when the path is there, and nothing else where it is not; then the tar.

        Not by the SDK, which waits without an end for an engine that falls silent in the middle.
        """
        with self.client(f"read {path} of container {container}", SILENT_SECONDS) as client:
            url = f"{client.base_url}/v{client.api_version}/containers/{quote(container, safe='')}/archive"
            plain = {"Accept-Encoding": "identity"}
            with client.get(url, params={"path": path}, headers=plain, timeout=client.timeout, stream=True) as answer:
                if not _is_there(answer):
                    yield b""
                    return
                yield b"found"
                # by whole pieces: a piece of the engine's own, of 32 KB, costs a dozen calls
                yield from iter(partial(answer.raw.read, CHUNK, decode_content=False), b"")

    def write_files(self, container: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar, whose names are from the root, into a container, with its owners and modes.

        Raises:
            EngineTrouble: there is no such container, or its disk is full. Also what *tar* raises.
        """
        with self.client(f"write files into container {container}", SILENT_SECONDS) as client:
            client.put_archive(container, "/", iter(tar))

    def list_files(self, container: str, keep: KeptWork) -> tuple[Inventory, datetime] | None:
        """List what a container wrote of what is kept; and when that was begun, by the host's clock.

        None where its engine keeps it in a way that cannot be listed, there is too much of it, or it changed meanwhile.

        Raises:
            EngineTrouble: there is no such container, or the throwaway one that lists did not run.
        """
        busybox, mark = static_busybox(), inventories.new_mark()
        with self.client(f"list what container {container} wrote", LIST_SECONDS) as client:
            seen = client.inspect_container(container)
            if not busybox or not inventories.can_be_listed(seen, keep.paths):
                return None
            with inventories.lister(client, seen, busybox, inventories.arguments(keep.paths, mark)) as made:
                client.start(made)
                client.wait(made, timeout=LIST_SECONDS)
                said = client.logs(made, stdout=True, stderr=False)
        return read_inventory(said, mark.encode(), keep)

    def run_inside(self, container: str, command: Sequence[str], seconds: float) -> int | None:
        """Run a command in a running container, as the container's own user; its exit code.

        An engine cannot end a command: one that takes longer goes on.

        Args:
            container: name or id.
            command: one word each.
            seconds: that it may take; then the answer is None.

        Raises:
            EngineTrouble: the container does not run, or has no such program.
        """
        ends = monotonic() + seconds
        step = f"run a command in container {container}"
        with self.client(step, STEP_SECONDS) as client:
            begun = client.exec_create(container, list(command), stdout=False, stderr=False)["Id"]
            client.exec_start(begun, detach=True)
        pause = 0.05
        while (code := self._exit_code(begun, step)) is None and monotonic() < ends:
            sleep(min(pause, max(0.0, ends - monotonic())))
            pause = min(2 * pause, 1)
        return code

    def _exit_code(self, begun: str, step: str) -> int | None:
        with self.client(step, STEP_SECONDS) as client:
            seen = client.exec_inspect(begun)
        return None if seen["Running"] else seen["ExitCode"]

    def stop(self, name: str, seconds: int) -> bool:
        """Ask a container to end, and kill it after so many seconds; whether it is there. One that ended is left so."""
        with self.client(f"stop container {name}", SILENT_SECONDS + seconds) as client:
            client.timeout = SILENT_SECONDS  # the SDK adds to it, and takes no pair here
            try:
                client.stop(name, timeout=seconds)
            except NotFound:
                return False
        return True


def _is_there(answer: Response) -> bool:
    """Whether the container has the path that was asked for.

    Raises:
        APIError: the engine refused; there is no such container.
    """
    try:
        answer.raise_for_status()
    except HTTPError as error:
        try:
            create_api_error_from_http_exception(error)
        except NotFound as refusal:
            if "no such container" in str(refusal.explanation).lower():
                raise
            return False
    return True
