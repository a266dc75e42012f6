"""Files of a container, as one stream out of it or into it, and the container's orderly end."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

import docker
from docker.errors import NotFound

CHUNK = 1 << 20
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
        """First something when the path is there, and nothing else where it is not; then the tar."""
        with self.client(f"read {path} of container {container}", SILENT_SECONDS) as client:
            try:
                chunks, _ = client.get_archive(container, path, chunk_size=CHUNK)
            except NotFound as error:
                if "no such container" in str(error.explanation).lower():
                    raise
                yield b""
                return
            yield b"found"
            yield from chunks

    def write_files(self, container: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar, whose names are from the root, into a container, with its owners and modes.

        Raises:
            EngineTrouble: there is no such container, or its disk is full. Also what *tar* raises.
        """
        with self.client(f"write files into container {container}", SILENT_SECONDS) as client:
            client.put_archive(container, "/", iter(tar))

    def stop(self, name: str, seconds: int) -> bool:
        """Ask a container to end, and kill it after so many seconds; whether it is there. One that ended is left so."""
        with self.client(f"stop container {name}", SILENT_SECONDS + seconds) as client:
            client.timeout = SILENT_SECONDS  # the SDK adds to it, and takes no pair here
            try:
                client.stop(name, timeout=seconds)
            except NotFound:
                return False
        return True
