"""What may go from a host whose disk is filling up: nothing that a session needs, and the oldest first."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a host's disk is taken up by."""

    CONTAINER = "container"
    IMAGE = "image"


@dataclass(frozen=True)
class EngineImage:
    """An image as a host's engine lists it."""

    id: str
    names: tuple[str, ...]  # "name:tag"; none: dangling
    created_at: datetime  # when it was built


@dataclass(frozen=True)
class HostContainer:
    """A container as a host's engine lists it."""

    id: str
    name: str
    image: str  # id
    running: bool
    created_at: datetime
    instance: str = ""  # id of the session that its labels of ours name; empty: not ours


@dataclass(frozen=True)
class Leaving:
    """One thing that may go."""

    kind: Kind
    id: str
    why: str


def room_mb(free: int, size: int, free_inodes: int, inodes: int) -> int:
    """Say for how many MB a disk has room: for each file it has an inode, and without one it is as good as full.

    Args:
        free: MB.
        size: of the whole disk, in MB.
        free_inodes: how many more files there can be.
        inodes: how many there can be in all; 0: the file system makes them as it needs them.
    """
    return min(free, size * free_inodes // inodes) if inodes else free


def may_go(
    images: Iterable[EngineImage],
    containers: Iterable[HostContainer],
    needed: Set[str],
    ended: Set[str],
    ours: Set[str],
) -> list[Leaving]:
    """List what may be pruned from a host, in order.

    Stopped containers first, because their images can only go after them; then images, those without a name first.

    Args:
        images: that the host's engine has.
        containers: that it has, ours and others.
        needed: ids of images that are offered, pinned, or that a queued session may run.
        ended: ids of sessions that are over on record. A container whose session is unknown is left alone.
        ours: ids of all images that the pool ever offered; another one goes only where it has no name.
    """
    containers = list(containers)
    stopped = [one for one in containers if one.instance in ended and not one.running]
    used = {one.image for one in containers if one not in stopped}
    free = [one for one in images if one.id not in needed | used and (one.id in ours or not one.names)]
    return [_container(one) for one in sorted(stopped, key=lambda one: (one.created_at, one.id))] + [
        _image(one) for one in sorted(free, key=lambda one: (bool(one.names), one.created_at, one.id))
    ]


def _container(one: HostContainer) -> Leaving:
    return Leaving(Kind.CONTAINER, one.id, f"container {one.name}: its session is over")


def _image(one: EngineImage) -> Leaving:
    called = one.names[0] if one.names else one.id[7:19]
    return Leaving(Kind.IMAGE, one.id, f"image {called}: no session needs it")
