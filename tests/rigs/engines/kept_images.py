"""Small images on their way: made of layers, kept in a layer store, taken from an engine again."""

from collections.abc import Sequence
from pathlib import Path

from blocks.engine.client import HostEngine
from blocks.images.archive import read_archive
from blocks.images.layer_store import LayerStore
from pool.records import Image
from tests.rigs.engines.tiny_image import TinyImage, busybox_image


def image_of(name: str, *extra: bytes, command: Sequence[str] = ("true",)) -> TinyImage:
    """Busybox with these layers on top."""
    image = busybox_image(name, tuple(command))
    return TinyImage(image.name, [*image.layers, *extra], image.runs)


def kept(image: TinyImage, store: LayerStore, folder: Path) -> Image:
    """Put an image into the store; the catalogue's record of it."""
    path = folder / "image.tar"
    path.write_bytes(image.archive())
    archive = read_archive(path, store)
    store.add(archive)
    return Image("main", archive.names[0], archive.image_id, archive.size, archive.layers)


def forget_images(engine: HostEngine) -> None:
    """Remove every image that the engine has."""
    with engine.client("clean up") as client:
        for image in engine.image_ids():
            client.remove_image(image, force=True)
