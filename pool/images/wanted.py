"""Which images a pool wants: names and patterns that its operator lists."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase

from pool.images.names import catalogue_name
from pool.records import Image

NOT = "!"


def wants(patterns: Iterable[str], name: str) -> bool:
    """Whether a pool wants an image of this catalogue name.

    Args:
        patterns: names in any spelling, or patterns with * and ?, which stand for slashes and colons, too. Those with a
            ! before them are not wanted, whatever the others say. Where all have one, the rest is wanted.
        name: as the catalogue has it, like "lab" or "rocker/rstudio:4.4".
    """
    listed = [pattern.strip() for pattern in patterns]
    taken = [pattern for pattern in listed if pattern and not pattern.startswith(NOT)]
    left_out = [pattern.removeprefix(NOT).strip() for pattern in listed if pattern.startswith(NOT)]
    return (not taken or _matches(taken, name)) and not _matches(left_out, name)


def _matches(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, catalogue_name(pattern)) for pattern in patterns)


def as_unwanted(image: Image, known: Image | None, now: datetime) -> Image:
    """Return the record of an image that an archive holds and its pool does not want: known, and not offered.

    Args:
        image: as it would be offered.
        known: what is recorded under its name.
        now: since when, unless it was unwanted before.
    """
    since = known.retired_at if known and known.unwanted else now
    return replace(image, unwanted=True, retired_at=since)


def choice_is_news(patterns: Iterable[str], known: Iterable[Image]) -> bool:
    """Whether the pool wants other images of those in ``images/`` than when the catalogue was read."""
    listed = tuple(patterns)
    decided = (image for image in known if image.archive and (image.unwanted or image.retired_at is None))
    return any(image.unwanted is wants(listed, image.name) for image in decided)
