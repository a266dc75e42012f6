"""What a pool offers: whether an archive is news, which version a session runs, and when hosts lack something."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from pool.errors import BadRequest, NotFound
from pool.images.names import catalogue_name
from pool.records import Image

DIGEST = "sha256:"


def as_offered(found: Image, known: Image | None) -> Image | None:
    """Return the record to keep of an image that an archive holds.

    Args:
        found: as it was read.
        known: what is recorded under its name.

    Returns:
        The record, with what is known of where it came from; or None where it is retired: a retired image is offered
        again by another version, by an archive that had gone and came back, or by ``add-image``.
    """
    if known is None:
        return found
    if known.retired_at and not known.unwanted and known.archive == found.archive and known.id == found.id:
        return None
    if known.archive != found.archive:
        return found
    digest = known.digest if known.id == found.id else ""
    return replace(found, source=known.source, credentials=known.credentials, looked_at=known.looked_at, digest=digest)


def split_pin(image: str) -> tuple[str, str]:
    """Catalogue name and pinned digest of what a blueprint calls its image: "lab@sha256:…", "docker.io/library/lab".

    Raises:
        BadRequest: what follows the @ is no digest.
    """
    name, at, digest = image.partition("@")
    if at and not digest.startswith(DIGEST):
        raise BadRequest(f"image {image}: after the @ there must be a digest, sha256:…")
    return catalogue_name(name), digest


def usable_versions(name: str, versions: Sequence[Image], pinned: str = "") -> list[Image]:
    """Versions that a session may run, best first: the pinned one, or the newest and the one before it.

    Args:
        name: of the image, for the message.
        versions: all that there are, the newest first.
        pinned: "sha256:…", the id of a version or the digest of its manifest; empty: not pinned.

    Raises:
        NotFound: no version is the pinned one.
    """
    if not pinned:
        return list(versions[:2])
    found = [version for version in versions if pinned in (version.id, version.digest)]
    if not found:
        known = ", ".join(version.id[:19] for version in versions) or "none"
        raise NotFound(f"image {name} has no version {pinned[:19]}; known: {known}")
    return found[:1]


def folder_is_news(stamps: Mapping[str, str], known: Iterable[Image]) -> bool:
    """Whether archives came, went or changed since the catalogue was read.

    Args:
        stamps: size and time of change of every complete archive, by file name.
        known: all that is recorded, retired or not.
    """
    return dict(stamps) != {image.archive: image.read_from for image in known if image.archive}


def lacking(images: Iterable[Image], hosts: Iterable[str], held: Mapping[str, Set[str]]) -> list[str]:
    """Names of the hosts that do not have all images.

    Args:
        images: that are offered.
        hosts: names of the hosts that take sessions.
        held: ids of the images that a host has, by its name.
    """
    wanted = {image.id for image in images}
    return sorted(host for host in hosts if wanted - held.get(host, frozenset()))
