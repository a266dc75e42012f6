"""Images that the manager's own engine makes: built from a folder, saved as an archive in ``images/``."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from docker.errors import ImageNotFound

from blocks.engine.client import HostEngine
from blocks.engine.images import LOAD_SECONDS
from blocks.images.archive import read_archive
from pool import marks
from pool.errors import EngineTrouble, NotFound
from pool.images.names import catalogue_name


def build_image(
    engine: HostEngine,
    context: Path,
    tag: str,
    arguments: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str = "",
) -> None:
    """Build the folder's Dockerfile and tag the result.

    The engine's classic builder does it: it is in every engine and needs no plugin. Steps use the machine's network, so
    that package sources are reached as the machine reaches them. Afterwards what has lost its tag goes: stages with the
    label ``dockerdriver.stage=<tag>``, which are larger than the image, and earlier images that carry *labels* too.

    Raises:
        EngineTrouble: a step failed; the message holds its last words.
    """
    with engine.client(f"build image {tag}", LOAD_SECONDS) as client:
        events = client.build(
            fileobj=_packed(context),
            custom_context=True,
            tag=tag,
            target=target or None,
            buildargs=dict(arguments or {}),
            labels=dict(labels or {}),
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        )
        said = [event for event in events if "error" in event or event.get("stream", "").strip()]
        for label in (f"{marks.STAGE}={tag}", *(labels or {})):
            client.prune_images(filters={"dangling": True, "label": label})
    if said and "error" in said[-1]:
        words = " ".join(event["stream"].strip() for event in said[-6:-1] if "stream" in event)
        raise EngineTrouble(f"image {tag} could not be built: {said[-1]['error']}; last lines: {words[-600:]}")


def image_labels(engine: HostEngine, tag: str) -> Mapping[str, str]:
    """Labels of an image of the engine; none when the engine does not have it."""
    with engine.client(f"look for image {tag}") as client:
        try:
            return client.inspect_image(tag)["Config"]["Labels"] or {}
        except ImageNotFound:
            return {}


def output_of(engine: HostEngine, tag: str, *command: str) -> str:
    """Return what a command prints in a container of the image that is removed afterwards."""
    with engine.client(f"run {command[0]} in image {tag}") as client:
        container = client.create_container(tag, command=list(command), host_config={"NetworkMode": "none"})["Id"]
        try:
            client.start(container)
            client.wait(container, timeout=60)
            return client.logs(container, stderr=False).decode().strip()
        finally:
            client.remove_container(container, force=True)


def save_image(engine: HostEngine, reference: str, images_dir: Path) -> Path:
    """Save an image of the engine as ``images/<name>.tar``; the file appears whole, checked, or not at all.

    Raises:
        NotFound: the engine has no such image.
        EngineTrouble: it refused.
        BrokenArchive: what the engine saved is not whole.
    """
    images_dir.mkdir(parents=True, exist_ok=True)
    archive = images_dir / archive_name(reference)
    partial = NamedTemporaryFile(dir=images_dir, prefix=f".{archive.name}.", delete=False)  # noqa: SIM115 - renamed
    try:
        with partial, engine.client(f"save image {reference}", LOAD_SECONDS) as client:
            try:
                client.inspect_image(reference)
            except ImageNotFound:
                words = f"no image is named {reference!r} on the manager's engine: build or load it there first"
                raise NotFound(words) from None
            partial.writelines(client.get_image(reference))
            os.fchmod(partial.fileno(), 0o640)  # by no name: the folder may be the workers', who could put a link there
            os.fsync(partial.fileno())
        read_archive(Path(partial.name))
        return Path(partial.name).rename(archive)
    finally:
        Path(partial.name).unlink(missing_ok=True)


def archive_name(reference: str) -> str:
    """File name of an image's archive: "rocker/rstudio:4.4" is kept in "rocker_rstudio_4.4.tar"."""
    return catalogue_name(reference).replace("/", "_").replace(":", "_").replace("@", "_") + ".tar"


def _packed(context: Path) -> io.BytesIO:
    """Return the folder as a tar; the engine reads it before it answers, so it is held in memory (some 50 MB)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(context, arcname=".")
    buffer.seek(0)
    return buffer
