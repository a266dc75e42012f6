"""How an image of a system container gets Docker's data root, which is a volume and so part of no image.

``pack-data-root`` of the host image packs it in two: layers that go into the image's own tree, where ``host-init``
mounts them from at no cost, and the rest, which it unpacks at the first boot. Not all goes into the tree: overlay2's
marks of what a layer deletes cannot be written through an overlay file system.
"""

import tarfile
from collections.abc import Iterator, Mapping
from io import RawIOBase
from typing import TYPE_CHECKING

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from pool.errors import CloudTrouble

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACK_SECONDS = 900
PIECE = 1 << 20


def take_data_root_along(engine: DockerClient, container: Container, labels: Mapping[str, str]) -> None:
    """Put the data root of a container that is switched off into its own tree, to be committed with it.

    Args:
        labels: of the helper that packs.

    Raises:
        CloudTrouble: it could not be packed.
    """
    name = str(container.name)
    remove_helper(engine, name)
    helper = engine.containers.create(
        container.attrs["Image"],
        ["pack-data-root"],
        name=_helper(name),
        labels=dict(labels),
        volumes_from=[name],
        network_mode="none",
        cap_add=["SYS_ADMIN"],  # overlay2's own attributes are shown to no other process
    )
    try:
        helper.start()
        if helper.wait(timeout=PACK_SECONDS)["StatusCode"]:
            raise CloudTrouble(f"the data root of {container.name} could not be packed: {helper.logs(tail=3).decode()}")
        container.put_archive("/var/lib", helper.get_archive("/rest.tar")[0])
        container.put_archive("/var/lib/layers", _contents(helper, "/layers.tar"))
    finally:
        remove_helper(engine, name)


def remove_helper(engine: DockerClient, container: str) -> None:
    """Remove what packs the data root of this container, should a run have died over it; absent is success."""
    try:
        engine.api.remove_container(_helper(container), force=True)
    except NotFound:
        return


def _helper(container: str) -> str:
    return f"{container}-data-root"


def _contents(container: Container, path: str) -> Iterator[bytes]:
    """Read a file of the container; the engine gives it in a tar of its own."""
    with tarfile.open(fileobj=_Joined(container.get_archive(path)[0]), mode="r|") as wrapped:
        member = wrapped.next()
        file = wrapped.extractfile(member) if member else None
        if file is None:
            raise CloudTrouble(f"{path} of container {container.name} is no file")
        while piece := file.read(PIECE):
            yield piece


class _Joined(RawIOBase):
    """Pieces as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._piece = self._piece or next(self._pieces, b"")
        room = memoryview(buffer)
        size = min(len(room), len(self._piece))
        room[:size], self._piece = self._piece[:size], self._piece[size:]
        return size
