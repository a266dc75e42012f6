"""All that carries our mark on this machine's engine, so that what has no living record is found and removed."""

from collections.abc import Iterator

from docker import DockerClient
from docker.errors import APIError, NotFound

from blocks.clouds.local.network import find_network, remove_network
from blocks.clouds.local.system_container import entries, remove_machine
from blocks.engine.containers.name import listed_name
from pool import marks
from pool.errors import CloudTrouble
from pool.housekeeping.orphans import CloudPart


def all_parts(engine: DockerClient, namespace: str) -> Iterator[CloudPart]:
    """Everything of the namespace, in one request for each kind; what holds others first."""
    for entry in entries(engine, namespace):
        yield _of_host("server", entry["Id"], listed_name(entry), entry["Labels"])
    ours = [f"{marks.NAMESPACE}={namespace}", marks.HOST]
    for volume in engine.api.volumes(filters={"label": ours})["Volumes"] or []:
        yield _of_host("volume", volume["Name"], volume["Name"][:12], volume["Labels"])
    if network := find_network(engine, namespace):
        yield CloudPart("network", str(network.id), str(network.name))


def _of_host(kind: str, part: str, name: str, labels: dict[str, str]) -> CloudPart:
    return CloudPart(kind, part, name, labels[marks.POOL], labels[marks.HOST])


def remove_from_engine(engine: DockerClient, namespace: str, part: CloudPart) -> None:
    """Remove it; absent is success.

    Raises:
        CloudTrouble: a container still uses the volume.
    """
    if part.kind == "server":
        remove_machine(engine, part.id)
    elif part.kind == "volume":
        _remove_volume(engine, part.id)
    else:
        remove_network(engine, namespace)


def _remove_volume(engine: DockerClient, volume: str) -> None:
    try:
        engine.api.remove_volume(volume)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise
        raise CloudTrouble(f"volume {volume} cannot be removed while a container has it") from error
