"""Images made of system containers."""

import json
from datetime import UTC, datetime

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from blocks.clouds.local.data_root import take_data_root_along
from pool import marks
from pool.errors import CloudRefused, CloudTrouble
from pool.hosts.host_images import HostImage

STOP_SECONDS = 60
COMMIT_SECONDS = 900  # without a word from the engine while it copies gigabytes


def commit(engine: DockerClient, namespace: str, container: Container, name: str, recipe: str) -> None:
    """Switch the machine off and make an image of its disk and its data root."""
    engine.api.timeout = COMMIT_SECONDS
    container.stop(timeout=STOP_SECONDS)
    take_data_root_along(engine, container, {marks.NAMESPACE: namespace})
    labels = {marks.IMAGE_NAME: name, marks.RECIPE: recipe}  # beside the container's own: namespace and pool
    container.commit(repository=name, tag="latest", pause=False, changes=_instructions(labels))


def _instructions(labels: dict[str, str]) -> list[str]:
    return [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]


def images_made(engine: DockerClient, namespace: str) -> list[HostImage]:
    """All host images of the namespace.

    An image that an operator made of a host that booted from one of ours inherits our labels, but has another name.
    """
    entries = engine.api.images(filters={"label": [f"{marks.NAMESPACE}={namespace}", marks.IMAGE_NAME]})
    return [_described(entry) for entry in entries if _tag(entry) in (entry["RepoTags"] or ())]


def _tag(entry: dict) -> str:
    return f"{entry['Labels'][marks.IMAGE_NAME]}:latest"


def _described(entry: dict) -> HostImage:
    labels = entry["Labels"]
    made_at = datetime.fromtimestamp(entry["Created"], UTC)
    name, pool, recipe = labels[marks.IMAGE_NAME], labels[marks.POOL], labels[marks.RECIPE]
    return HostImage(entry["Id"], name, pool, recipe, ready=True, made_at=made_at)


def refuse_if_taken(engine: DockerClient, name: str) -> None:
    """Refuse a name that an image of another owner has.

    Raises:
        CloudRefused: an image without this installation's label has it.
    """
    if engine.api.images(name=name):
        raise CloudRefused(f"host image {name} cannot be made: an image of another owner has that name")


def remove_image(engine: DockerClient, image: HostImage) -> None:
    """Delete the image; absent is success.

    Raises:
        CloudTrouble: a host runs on it.
    """
    try:
        engine.api.remove_image(image.id)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise
        raise CloudTrouble(f"host image {image.name} cannot be deleted while hosts run on it") from error
