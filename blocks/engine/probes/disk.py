"""What a host's engine keeps on its disk, and how it is made to let go of it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from docker.errors import APIError, NotFound

from blocks.engine.client import HostEngine
from blocks.engine.containers.name import listed_name
from pool import marks
from pool.hosts.disk import EngineImage, HostContainer
from pool.images.engine_names import catalogue_id

CONTAINERD_STORE = "io.containerd.snapshotter"  # stands in the status of an engine that keeps images in its store
MEASURE_SECONDS = 30  # the engine walks through all files that its containers wrote
CONFLICT = 409  # a container has the image; it stays


def images_on(engine: HostEngine) -> list[EngineImage]:
    """All images that the engine lists."""
    with engine.client("list its images") as client:
        return [_image(one) for one in client.images()]


def containers_on(engine: HostEngine, namespace: str) -> list[HostContainer]:
    """All containers; those with the labels of this installation carry the id of their session."""
    with engine.client("list its containers") as client:
        ids = {one["Id"]: _image(one).id for one in client.images(all=True)}
        return [_container(one, namespace, ids) for one in client.containers(all=True)]


def data_root(engine: HostEngine) -> str:
    """Return the directory that the engine keeps its data in."""
    with engine.client("say where its data is") as client:
        return client.info()["DockerRootDir"]


def written_mb(engine: HostEngine, namespace: str) -> dict[str, int]:
    """Measure how many MB each session's container has written, in its own layer and in its volumes.

    Args:
        engine: of one host.
        namespace: of this installation; only its sessions are in the answer.
    """
    with engine.client("measure what its containers wrote", MEASURE_SECONDS) as client:
        used = client.df()
    volumes = {one["Name"]: max(0, (one.get("UsageData") or {}).get("Size", 0)) for one in used["Volumes"] or ()}
    ours = [one for one in used["Containers"] or () if (one["Labels"] or {}).get(marks.NAMESPACE) == namespace]
    return {one["Labels"].get(marks.INSTANCE, ""): _written(one, volumes) // 1_000_000 for one in ours}


def layers_on(engine: HostEngine, namespace: str) -> dict[str, str]:
    """Say in which folder of the host each session's container writes; volumes are elsewhere.

    With containerd's store the engine knows no folder. There it is the table of mounts of the container's first process
    that names it, and what is said is that table's path.

    Args:
        engine: of one host.
        namespace: as of `written_mb`.
    """
    with engine.client("say where its containers write") as client:
        listed = client.containers(all=True, filters={"label": f"{marks.NAMESPACE}={namespace}"})
        seen = {one["Labels"].get(marks.INSTANCE, ""): client.inspect_container(one["Id"]) for one in listed}
    folders = {instance: _written_folder(one) for instance, one in seen.items()}
    return {instance: folder for instance, folder in folders.items() if folder}


def _written_folder(container: dict) -> str:
    """Empty where the engine does not say, and nothing runs."""
    folder = ((container.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir", "")
    pid = container["State"]["Pid"]
    return folder or (f"/proc/{pid}/mountinfo" if pid else "")


def _written(container: dict, volumes: Mapping[str, int]) -> int:
    mounted = (one.get("Name", "") for one in container.get("Mounts", ()))
    return container.get("SizeRw", 0) + sum(volumes.get(name, 0) for name in mounted)


def no_disk_limit(engine: HostEngine) -> str:
    """Say why the engine holds no container to a limit of what it writes; empty where it may.

    An engine with overlay2 on xfs is not known to before it was asked to: its disk may lack `pquota`.
    """
    with engine.client("say where its containers write") as client:
        info = client.info()
    status = dict(info.get("DriverStatus") or [])
    if any(CONTAINERD_STORE in str(value) for value in status.values()):
        return "its engine keeps images in containerd's store, which takes the limit and does not keep to it"
    below = status.get("Backing Filesystem", "")
    if info.get("Driver") == "overlay2" and below != "xfs":
        return f"the limit wants xfs, mounted with pquota, below its engine's data, and there is {below or 'another'}"
    return ""


def remove_image(engine: HostEngine, image: EngineImage) -> bool:
    """Take all names from an image and the image with the last; absent is success.

    Returns:
        False where a container has it: it stays.
    """
    with engine.client(f"remove image {image.id[:19]}") as client:
        for name in image.names or (image.id,):
            try:
                client.remove_image(name)
            except NotFound:
                continue
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise
                return False
    return True


def _image(listed: dict) -> EngineImage:
    names = tuple(name for name in listed["RepoTags"] or () if name != "<none>:<none>")
    return EngineImage(catalogue_id(listed["Id"], names), names, datetime.fromtimestamp(listed["Created"], UTC))


def _container(listed: dict, namespace: str, ids: Mapping[str, str]) -> HostContainer:
    labels = listed["Labels"] or {}
    ours = labels.get(marks.NAMESPACE) == namespace
    return HostContainer(
        id=listed["Id"],
        name=listed_name(listed),
        image=ids.get(listed["ImageID"], listed["ImageID"]),
        running=listed["State"] in ("running", "restarting", "paused"),
        created_at=datetime.fromtimestamp(listed["Created"], UTC),
        instance=labels.get(marks.INSTANCE, "") if ours else "",
    )
