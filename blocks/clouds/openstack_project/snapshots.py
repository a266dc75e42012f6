"""Images made of hosts, in Glance. Their marks are properties, which Nova sets as it makes the image."""

import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from openstack.connection import Connection
from openstack.exceptions import ConflictException, NotFoundException
from openstack.image.v2.image import Image

from blocks.clouds.openstack_project.servers import servers_of
from blocks.clouds.openstack_project.waiting import deadline, is_over, patiently
from pool import marks
from pool.errors import CloudRefused, CloudTrouble
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACE, POOL, HOST, RECIPE, NAME = map(
    marks.image_property, (marks.NAMESPACE, marks.POOL, marks.HOST, marks.RECIPE, marks.IMAGE_NAME)
)
STOP_SECONDS = 180
SNAPSHOT_SECONDS = 1800
LOST = ("killed", "deleted", "pending_delete", "deactivated")


def images_made(cloud: Connection, namespace: str) -> list[HostImage]:
    """All host images of the namespace: those of the project's images that carry the marks.

    An image that an operator made of a host that booted from one of ours inherits our properties, but has another name.
    """
    return [_described(image) for image in _of_namespace(cloud, namespace)]


def half_made(cloud: Connection, namespace: str) -> list[CloudPart]:
    """Host images that are not ready, in one request. Each belongs to the host that it is made of: it waits for it."""
    images = [image for image in _of_namespace(cloud, namespace) if image.status != "active"]
    return [
        CloudPart("host image", image.id, image.name, _property(image, POOL) or None, _property(image, HOST) or None)
        for image in images
    ]


def make_image(cloud: Connection, namespace: str, host: str, name: str, recipe: str) -> HostImage:
    """Switch the server off and have Nova make an image of it; or wait for the one that is being made.

    Raises:
        CloudRefused: an image of that name is not ours.
        CloudTrouble: no server, or Nova gave up, or is not done after half an hour.
    """
    made = next((image for image in images_made(cloud, namespace) if image.name == name), None)
    image_id = made.id if made else _begun(cloud, namespace, host, name, recipe)
    until = deadline(SNAPSHOT_SECONDS)
    while (image := patiently(partial(_find, cloud, image_id, name), until)).status != "active":
        if is_over(until):
            raise CloudTrouble(f"host image {name} is {image.status} after {SNAPSHOT_SECONDS} s")
        time.sleep(1)
    return _described(image)


def delete_image(cloud: Connection, image: HostImage) -> None:
    """Delete it; absent is success.

    Raises:
        CloudTrouble: the cloud's store keeps it while servers are clones of it.
    """
    try:
        cloud.image.delete_image(image.id)
    except ConflictException as error:
        raise CloudTrouble(f"host image {image.name} cannot be deleted while servers use it") from error


def _of_namespace(cloud: Connection, namespace: str) -> list[Image]:
    found = cast("Iterable[Image]", cloud.image.images(owner=cloud.current_project_id))
    return [image for image in found if _marks(image) == (namespace, image.name)]


def _begun(cloud: Connection, namespace: str, host: str, name: str, recipe: str) -> str:
    if next(iter(cloud.image.images(name=name)), None):
        raise CloudRefused(f"host image {name} cannot be made: an image of another owner has that name")
    servers = servers_of(cloud, namespace, host)
    if not servers:
        raise CloudTrouble(f"host {host} has no server to make an image of")
    _switch_off(cloud, servers[0].id, host)
    ours = image_properties(namespace, name, servers[0].metadata.get(marks.POOL, ""), host, recipe)
    return cloud.compute.create_server_image(servers[0].id, name, metadata=ours, wait=False).id


def image_properties(namespace: str, name: str, pool: str, host: str, recipe: str) -> dict[str, str]:
    """Properties of an image by which it is known again."""
    return {NAMESPACE: namespace, NAME: name, POOL: pool, HOST: host, RECIPE: recipe}


def _switch_off(cloud: Connection, server_id: str, host: str) -> None:
    """Stop the server, so that its disk is consistent."""
    if cloud.compute.get_server(server_id).status == "ACTIVE":
        cloud.compute.stop_server(server_id)
    until, look = deadline(STOP_SECONDS), partial(cloud.compute.get_server, server_id)
    late = f"{STOP_SECONDS} s after it was switched off"
    while (server := patiently(look, until)).status != "SHUTOFF" or server.task_state:
        if is_over(until):
            raise CloudTrouble(f"the server of host {host} is {server.status} {late}")
        time.sleep(0.5)


def _find(cloud: Connection, image_id: str, name: str) -> Image:
    try:
        image = cast("Image", cloud.image.get_image(image_id))
    except NotFoundException as error:  # how Nova gives up
        raise CloudTrouble(f"the cloud gave up making host image {name}") from error
    if image.status in LOST:
        raise CloudTrouble(f"the cloud gave up making host image {name}: it is {image.status}")
    return image


def _described(image: Image) -> HostImage:
    made_at = datetime.fromisoformat(image.created_at.replace("Z", "+00:00"))
    pool, recipe = _property(image, POOL), _property(image, RECIPE)
    return HostImage(image.id, image.name, pool, recipe, ready=image.status == "active", made_at=made_at)


def _marks(image: Image) -> tuple[str, str]:
    return _property(image, NAMESPACE), _property(image, NAME)


def _property(image: Image, name: str) -> str:
    return (image.properties or {}).get(name, "")
