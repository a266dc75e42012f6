"""Host images: their names, which one a new host boots, which ones are no longer needed."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pool.errors import Refused

KEPT = 2  # of a pool: the newest, and the one before, which hosts on their way may just be booting


@dataclass(frozen=True)
class HostImage:
    """An image that was made of a host, as the cloud lists it."""

    id: str
    name: str
    pool: str
    recipe: str  # as in recipe_of()
    ready: bool  # False: still being made, or left half-made
    made_at: datetime


def recipe_of(base: str, playbook: str) -> str:
    """Return the digest of what a host is made of: it changes with the image that it boots and with the playbook.

    Args:
        base: id of the image.
        playbook: digest of the playbook and of its settings that all hosts share.
    """
    return _digest([base, playbook])


def image_name(pool: str, recipe: str, image_ids: Iterable[str]) -> str:
    """Name of the host image that holds just these images: ``dockerdriver-main-3fa9c1d2e0b4``."""
    return f"dockerdriver-{pool}-{_digest([recipe, *sorted(image_ids)])[:12]}"


def already_made(made: Iterable[HostImage], name: str, recipe: str) -> bool:
    """Whether the image is there.

    Raises:
        Refused: one of that name is there, and was made by another recipe.
    """
    found = [image.recipe for image in made if image.ready and image.name == name]
    if found and recipe not in found:
        raise Refused(f"host image {name} exists and was made by another playbook or of another image; name it anew")
    return bool(found)


def image_to_boot(made: Iterable[HostImage], pool: str, recipe: str) -> HostImage | None:
    """Return the newest image that was made for the pool by today's recipe.

    One that lacks an image of today is as good: the host is sent what it lacks, as every host is. One of another recipe
    is not: its configuration is of yesterday.
    """
    fitting = (image for image in _newest_first(made, pool) if image.ready and image.recipe == recipe)
    return next(fitting, None)


def outdated(made: Iterable[HostImage], pool: str) -> Sequence[HostImage]:
    """Return the pool's complete images that are older than those that are kept."""
    return [image for image in _newest_first(made, pool) if image.ready][KEPT:]


def half_made(made: Iterable[HostImage], pool: str) -> Sequence[HostImage]:
    """Return the pool's incomplete images; call this while no run bakes one."""
    return [image for image in _newest_first(made, pool) if not image.ready]


def _newest_first(made: Iterable[HostImage], pool: str) -> list[HostImage]:
    ours = (image for image in made if image.pool == pool)
    return sorted(ours, key=lambda image: (image.made_at, image.name), reverse=True)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
