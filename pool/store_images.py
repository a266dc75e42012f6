"""The records of images: which ones a pool offers, and which hosts have them."""

from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import Row, delete, insert, select

from pool.errors import NotFound
from pool.records import Image
from pool.schema import host_images, hosts, images
from pool.store_base import Database, insert_unless_there

_FIELDS = [field.name for field in fields(Image)]


def as_image(row: Row) -> Image:
    """The record that a row of ``images`` stands for."""
    values = {name: row._mapping[name] for name in _FIELDS}
    return Image(**values | {"layers": tuple(values["layers"])})


class ImageStore(Database):
    """Offer, retire and find images; remember which host has which."""

    def put_image(self, image: Image) -> None:
        """Offer an image in its pool, in place of the one that had its name."""
        row = asdict(image) | {"layers": list(image.layers)}
        with self._writing() as connection:
            connection.execute(delete(images).where(images.c.pool == image.pool, images.c.name == image.name))
            connection.execute(insert(images).values(row))

    def retire_image(self, pool: str, name: str) -> None:
        """Offer an image no longer; absent is success. What hosts have of it stays on record."""
        with self._writing() as connection:
            connection.execute(delete(images).where(images.c.pool == pool, images.c.name == name))

    def images(self, pool: str) -> list[Image]:
        """What the pool offers, by name."""
        with self._reading() as connection:
            found = connection.execute(select(images).where(images.c.pool == pool))
            return sorted(map(as_image, found), key=lambda image: image.name)

    def image(self, pool: str, name: str) -> Image:
        """The image that blueprints of this pool call *name*.

        Raises:
            NotFound: "pool main offers no image named jupiter; known: jupyter-minimal".
        """
        offered = {image.name: image for image in self.images(pool)}
        if name not in offered:
            raise NotFound(f"pool {pool} offers no image named {name}; known: {', '.join(offered) or 'none'}")
        return offered[name]

    def mark_image(self, host: str, image_id: str, now: datetime) -> None:
        """The host's engine was seen to have this image."""
        mark = {"host": host, "image_id": image_id, "verified_at": now}
        with self._writing() as connection:
            statement = insert_unless_there(connection, host_images, "host", "image_id")
            connection.execute(statement.values(mark))

    def unmark_images(self, host: str) -> None:
        """Forget what the host has: it is about to be asked again."""
        with self._writing() as connection:
            connection.execute(delete(host_images).where(host_images.c.host == host))

    def images_on(self, host: str) -> set[str]:
        """Ids of the images that the host has."""
        with self._reading() as connection:
            return set(connection.scalars(select(host_images.c.image_id).where(host_images.c.host == host)))

    def images_by_host(self, pool: str) -> dict[str, set[str]]:
        """By host name of the pool, the ids of the images that it has; in one query, however many hosts there are."""
        query = select(host_images.c.host, host_images.c.image_id).join(hosts).where(hosts.c.pool == pool)
        held: dict[str, set[str]] = {}
        with self._reading() as connection:
            for host, image_id in connection.execute(query):
                held.setdefault(host, set()).add(image_id)
        return held

    def hosts_with_image(self, image_id: str) -> set[str]:
        """Names of the hosts that have the image."""
        with self._reading() as connection:
            return set(connection.scalars(select(host_images.c.host).where(host_images.c.image_id == image_id)))
