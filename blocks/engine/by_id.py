"""Creating a container of an image that the catalogue knows by its id, whatever the engine calls it."""

from typing import Any

import docker
from docker.errors import ImageNotFound

from pool.images.engine_names import name_of_id


def create_container(client: docker.APIClient, image_id: str, **options: Any) -> str:
    """Create a container and return its id.

    Engines that keep images in containerd's store are asked a second time, by the name that holds the id. Which kind an
    engine is may change with its settings, so it is not remembered; the first answer costs about a millisecond.

    Raises:
        ImageNotFound: the engine does not have the image.
    """
    try:
        return client.create_container(image=image_id, **options)["Id"]
    except ImageNotFound as missing:
        try:
            return client.create_container(image=name_of_id(image_id), **options)["Id"]
        except ImageNotFound:
            raise missing from None
