"""The records of images: which ones a pool offers, in which versions, and which hosts have them."""

from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pool.errors import NotFound
from pool.moments import minute
from pool.records import Image
from pool.store.engine import Part, insert_unless_there
from pool.store.schema import host_images, hosts, image_versions, images

#: Of each name; beside what is offered, pinned or on a host.
KEPT_VERSIONS = 20
_FIELDS = [field.name for field in fields(Image)]
_OF_A_VERSION = ("pool", "name", "id", "size", "layers", "layer_sizes", "digest")


def as_image(row: Row[Any]) -> Image:
    """The record that a row of ``images`` stands for; or of ``image_versions``, with what that has of it."""
    values = {name: row._mapping[name] for name in _FIELDS if name in row._mapping}
    return Image(**values | {"layers": tuple(values["layers"]), "layer_sizes": tuple(values["layer_sizes"])})


class ImageStore(Part):
    """Offer, retire and find images; remember which host has which."""

    def put(self, image: Image) -> None:
        """Offer an image, in place of what had its name before; what it was before stays as an older version."""
        with self._db.writing() as connection:
            before = connection.scalar(
                select(images.c.id).where(images.c.pool == image.pool, images.c.name == image.name).with_for_update()
            )
            connection.execute(delete(images).where(images.c.pool == image.pool, images.c.name == image.name))
            connection.execute(insert(images).values(asdict(image)))
            _keep_version(connection, image, newer=image.id != before)

    def retire(self, pool: str, name: str, now: datetime, archive_gone: bool = False) -> None:
        """Offer an image no longer; one that is retired keeps its time. What hosts have of it stays on record.

        Args:
            pool: the pool.
            name: of the image.
            now: becomes ``retired_at``.
            archive_gone: an archive of this name that appears in ``images/`` again offers it again.
        """
        which = (images.c.pool == pool, images.c.name == name)
        gone = {"archive": "", "read_from": ""} if archive_gone else {}
        with self._db.writing() as connection:
            connection.execute(
                update(images).where(*which).values(retired_at=func.coalesce(images.c.retired_at, now), **gone)
            )

    def offered(self, pool: str) -> list[Image]:
        """What the pool offers, by name."""
        return [image for image in self.catalogue(pool) if image.retired_at is None]

    def catalogue(self, pool: str | None = None) -> list[Image]:
        """What a pool (None: any) offers or has offered, by name."""
        query = select(images) if pool is None else select(images).where(images.c.pool == pool)
        with self._db.reading() as connection:
            return sorted(map(as_image, connection.execute(query)), key=lambda image: (image.pool, image.name))

    def get(self, pool: str, name: str) -> Image:
        """The image that blueprints of this pool call *name*.

        Raises:
            NotFound: "pool main offers no image named jupiter; known: jupyter-minimal", or that it was retired, or is
                not wanted.
        """
        known = {image.name: image for image in self.catalogue(pool)}
        found = known.get(name)
        if found and found.retired_at is None:
            return found
        offered = ", ".join(name for name, image in known.items() if image.retired_at is None) or "none"
        if found and found.unwanted:
            raise NotFound(f"pool {pool} does not want the image {name}: see its DD_IMAGE_NAMES; known: {offered}")
        if found and found.retired_at:
            since = minute(found.retired_at)
            raise NotFound(f"pool {pool} offers the image {name} no more: it was retired at {since}; known: {offered}")
        raise NotFound(f"pool {pool} offers no image named {name}; known: {offered}")

    def versions(self, pool: str, name: str) -> list[Image]:
        """All versions that the pool ever offered under this name, the newest first; retired or not."""
        query = select(image_versions).where(image_versions.c.pool == pool, image_versions.c.name == name)
        with self._db.reading() as connection:
            return [as_image(row) for row in connection.execute(query.order_by(image_versions.c.number.desc()))]

    def version_ids(self) -> set[str]:
        """Ids of all versions of all images that any pool ever offered."""
        with self._db.reading() as connection:
            return set(connection.scalars(select(image_versions.c.id).distinct()))

    def forget_versions(self, pool: str, pinned: Collection[tuple[str, str]]) -> int:
        """Delete old versions of the pool's images, all but the newest ``KEPT_VERSIONS`` of each name; how many.

        A version that is offered, that a host has, or that a blueprint pins stays.

        Args:
            pool: the pool.
            pinned: name of an image, and id or digest of the version of it that is pinned.
        """
        newer = image_versions.alias()
        same = (newer.c.pool == image_versions.c.pool, newer.c.name == image_versions.c.name)
        rank = select(func.count()).where(*same, newer.c.number > image_versions.c.number).scalar_subquery()
        needed = select(host_images.c.image_id).union(select(images.c.id))
        old = (image_versions.c.pool == pool, rank >= KEPT_VERSIONS, image_versions.c.id.not_in(needed))
        with self._db.reading() as connection:
            found = connection.execute(select(image_versions).where(*old)).all()
        gone = [row for row in found if not {(row.name, row.id), (row.name, row.digest)} & set(pinned)]
        if not gone:
            return 0
        with self._db.writing() as connection:
            for row in gone:
                which = (
                    image_versions.c.pool == pool,
                    image_versions.c.name == row.name,
                    image_versions.c.id == row.id,
                )
                connection.execute(delete(image_versions).where(*which))
        return len(gone)

    def mark(self, host: str, image_id: str, now: datetime) -> None:
        """The host's engine was seen to have this image."""
        mark = {"host": host, "image_id": image_id, "verified_at": now}
        with self._db.writing() as connection:
            statement = insert_unless_there(connection, host_images, "host", "image_id")
            connection.execute(statement.values(mark))

    def unmark(self, host: str, image_id: str) -> None:
        """The host is about to lose this image."""
        with self._db.writing() as connection:
            which = (host_images.c.host == host, host_images.c.image_id == image_id)
            connection.execute(delete(host_images).where(*which))

    def on_host(self, host: str) -> set[str]:
        """Ids of the images that the host has."""
        with self._db.reading() as connection:
            return set(connection.scalars(select(host_images.c.image_id).where(host_images.c.host == host)))

    def by_host(self, pool: str) -> dict[str, set[str]]:
        """By host name of the pool, the ids of the images that it has; in one query, however many hosts there are."""
        query = select(host_images.c.host, host_images.c.image_id).join(hosts).where(hosts.c.pool == pool)
        held: dict[str, set[str]] = {}
        with self._db.reading() as connection:
            for host, image_id in connection.execute(query):
                held.setdefault(host, set()).add(image_id)
        return held

    def hosts_with(self, image_id: str) -> set[str]:
        """Names of the hosts that have the image."""
        with self._db.reading() as connection:
            return set(connection.scalars(select(host_images.c.host).where(host_images.c.image_id == image_id)))


def _keep_version(connection: Connection, image: Image, newer: bool) -> None:
    """Have the image among the versions of its name; on top of them where it is *newer* than what was offered."""
    same = (image_versions.c.pool == image.pool, image_versions.c.name == image.name)
    highest = connection.scalar(select(func.max(image_versions.c.number)).where(*same)) or 0
    values = {name: getattr(image, name) for name in _OF_A_VERSION}
    changed = values | {"number": highest + 1} if newer else values
    found = connection.execute(update(image_versions).where(*same, image_versions.c.id == image.id).values(**changed))
    if not found.rowcount:
        connection.execute(insert(image_versions).values(values | {"number": highest + 1}))
