"""Images made of system containers. What lies in a container's volumes, Docker's data root, goes along as a tar file.

``host-init`` unpacks it at the first boot. A copy in the image's own tree would not do: overlay2's marks of what a
layer deletes cannot be written through an overlay file system.
"""

import json
from datetime import UTC, datetime

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from blocks.local_network import NAMESPACE_LABEL
from pool.baking import HostImage
from pool.errors import CloudRefused, CloudTrouble

NAME_LABEL = "dockerdriver.image"
RECIPE_LABEL = "dockerdriver.recipe"
POOL_LABEL = "dockerdriver.pool"
STOP_SECONDS = 60
COMMIT_SECONDS = 900  # without a word from the engine while it copies gigabytes
DATA_ROOT = "/var/lib/docker"
ARCHIVE_FOLDER, ARCHIVE = "/var/lib", "data-root.tar"
PACK = ["tar", "-c", "--xattrs", "--xattrs-include=*", "-f", f"/{ARCHIVE}", "-C", DATA_ROOT, "."]


def commit(engine: DockerClient, namespace: str, container: Container, name: str, recipe: str) -> None:
    """Switch the machine off and make an image of its disk and its data root."""
    engine.api.timeout = COMMIT_SECONDS
    container.stop(timeout=STOP_SECONDS)
    _take_data_root_along(engine, namespace, container)
    labels = {NAME_LABEL: name, RECIPE_LABEL: recipe}  # beside the container's own: namespace and pool
    container.commit(repository=name, tag="latest", pause=False, changes=_instructions(labels))


def _instructions(labels: dict[str, str]) -> list[str]:
    return [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]


def _take_data_root_along(engine: DockerClient, namespace: str, container: Container) -> None:
    remove_helper(engine, container.name)
    helper = engine.containers.create(
        container.image.id,
        PACK,
        name=_helper(container.name),
        labels={NAMESPACE_LABEL: namespace},
        volumes_from=[container.id],
        network_mode="none",
        cap_add=["SYS_ADMIN"],  # overlay2's own attributes are shown to nobody else
    )
    try:
        helper.start()
        if helper.wait(timeout=COMMIT_SECONDS)["StatusCode"]:
            raise CloudTrouble(f"the data root of {container.name} could not be packed: {helper.logs(tail=3).decode()}")
        packed, _ = helper.get_archive(f"/{ARCHIVE}")
        container.put_archive(ARCHIVE_FOLDER, packed)
    finally:
        remove_helper(engine, container.name)


def remove_helper(engine: DockerClient, container: str) -> None:
    """Remove what packs the data root of this container, should a run have died over it; absent is success."""
    try:
        engine.api.remove_container(_helper(container), force=True)
    except NotFound:
        return


def _helper(container: str) -> str:
    return f"{container}-data-root"


def images_made(engine: DockerClient, namespace: str) -> list[HostImage]:
    """All host images of the namespace.

    An image that somebody made of a host that booted from one of ours inherits our labels; its name is another.
    """
    entries = engine.api.images(filters={"label": [f"{NAMESPACE_LABEL}={namespace}", NAME_LABEL]})
    return [_described(entry) for entry in entries if _tag(entry) in (entry["RepoTags"] or ())]


def _tag(entry: dict) -> str:
    return f"{entry['Labels'][NAME_LABEL]}:latest"


def _described(entry: dict) -> HostImage:
    labels = entry["Labels"]
    made_at = datetime.fromtimestamp(entry["Created"], UTC)
    name, pool, recipe = labels[NAME_LABEL], labels[POOL_LABEL], labels[RECIPE_LABEL]
    return HostImage(entry["Id"], name, pool, recipe, ready=True, made_at=made_at)


def refuse_if_taken(engine: DockerClient, name: str) -> None:
    """Look whether somebody else's image has the name.

    Raises:
        CloudRefused: it has.
    """
    if engine.api.images(name=name):
        raise CloudRefused(f"host image {name} cannot be made: an image of that name exists and is not ours")


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
