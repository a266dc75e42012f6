"""Verbs for images: pull references, read the catalogue from the archives, send to a host what it lacks."""

from asyncio import get_running_loop, to_thread
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from time import monotonic

from prefect import get_run_logger

from blocks.database import pool_store
from blocks.engines import engine_of
from blocks.image_archive import ArchiveInfo, scan
from blocks.image_push import Bandwidth, HostPush
from blocks.layer_store import LayerStore
from blocks.pool_config import pool_config
from blocks.push_archive import tag_of
from blocks.registry import pull_to_archive
from blocks.settings import process_settings
from pool.distribution import Tally
from pool.errors import BrokenArchive, DockerDriverError
from pool.records import Host, Image
from tasks.retrying import now, worth_retrying
from tasks.verb import verb

MOST_THREADS = 256  # of all distributions of a process; DD_IMAGE_PUSHES limits one
_threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="push")


@dataclass(frozen=True)
class Delivery:
    """What one host got of its images. Sizes are bytes as they travel."""

    host: str
    sent: int = 0  # also what a broken connection made useless
    skipped: int = 0  # of layers that were there
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Distribution:
    """What all pushes of one distribution share: one limit, one count."""

    bandwidth: Bandwidth
    tally: Tally


def distribution_of(pool: str, hosts: int, images: list[Image]) -> Distribution:
    """A distribution of these images under the pool's settings, with nothing sent yet."""
    store = layer_store()
    expected = hosts * sum(store.size(layer) for image in images for layer in set(image.layers))
    return Distribution(Bandwidth(pool_config(pool).DD_IMAGE_BANDWIDTH_MB), Tally(hosts, expected))


def layer_store() -> LayerStore:
    """The layers of this installation."""
    return LayerStore(process_settings().layers_dir)


@verb(task_run_name="pull the references of {pool}")
async def pull_references(pool: str) -> None:
    """Have the engine here pull what ``DD_IMAGES`` names and ``images/`` lacks; a failed pull holds up nothing."""
    settings = process_settings()
    known = {image.name for image in pool_store().images(pool)}
    for reference in pool_config(pool).DD_IMAGES:
        if reference.removesuffix(":latest") in known:
            continue
        try:
            await to_thread(pull_to_archive, settings.engine_url, reference, settings.images_dir)
        except DockerDriverError as error:
            get_run_logger().error("%s is not pulled: %s", reference, error)


@verb(task_run_name="read the catalogue of {pool}")
async def read_catalogue(pool: str) -> list[Image]:
    """The pool's wanted images: every good archive in ``images/``, its layers kept in the layer store.

    A broken archive is named in the log and left out.
    """
    good, refused = await to_thread(_scan_and_keep)
    for name, reason in refused:
        get_run_logger().error("%s is refused: %s", name, reason)
    store = pool_store()
    wanted = {name: _image(pool, name, archive) for archive in good for name in archive.names}
    for image in wanted.values():
        store.put_image(image)
    for gone in {image.name for image in store.images(pool)} - wanted.keys():
        get_run_logger().warning("image %s is retired: no archive in images/ holds it any more", gone)
        store.retire_image(pool, gone)
    return list(wanted.values())


@verb(task_run_name="name the archives that are refused")
async def refused_archives() -> list[str]:
    """One sentence for each file in ``images/`` that is no image archive; read once, remembered until it changes."""
    _, refused = await to_thread(scan, process_settings().images_dir, layer_store())
    return [f"refused {reason}" for _name, reason in refused]


def _scan_and_keep() -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
    good, refused = scan(process_settings().images_dir, layer_store())
    for archive in list(good):
        try:
            layer_store().add(archive)
        except BrokenArchive as error:  # it changed since; the next time it is read again
            good.remove(archive)
            refused.append((archive.path.name, str(error)))
    return good, refused


def _image(pool: str, name: str, archive: ArchiveInfo) -> Image:
    return Image(pool, name, archive.image_id, archive.size, layers=archive.layers, archive=archive.path.name)


@verb(task_run_name="collect layers that no image has")
async def collect_layers() -> None:
    """Delete from the layer store what no archive in ``images/`` has; not while another run sends from it."""

    def wanted() -> set[str]:
        archives, _ = scan(process_settings().images_dir, layer_store())
        return {digest for archive in archives for digest in (archive.image_id, *archive.layers)}

    gone = await to_thread(layer_store().collect, wanted)
    usage = await to_thread(layer_store().usage)
    get_run_logger().info("%d layers are kept in %.0f MB; %d files went", usage.layers, usage.bytes / 1e6, gone)


@verb(
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=worth_retrying,
    task_run_name="send images to {host.name}",
)
async def send_images(host: Host, images: list[Image], distribution: Distribution | None = None) -> Delivery:
    """Load into the host's engine what it lacks of every image, and compare the ids afterwards.

    Images that arrived stay when a later one fails; the next try starts where the engine stands. Two who send to one
    host take turns.

    Raises:
        EngineTrouble: the engine refused an image, or does not have it afterwards.
        HostUnreachable: the engine does not answer.
    """
    start, ours = monotonic(), distribution or distribution_of(host.pool, 1, images)
    count = partial(ours.tally.count_sent, host.name)
    push = HostPush(engine_of(host), host.name, layer_store(), ours.bandwidth, count)
    await in_a_thread(_push_all, push, host, images, ours.tally)
    sent, skipped = ours.tally.of(host.name)
    return _logged(Delivery(host.name, sent, skipped, round(monotonic() - start, 1)))


async def in_a_thread(verb: Callable, *arguments: object) -> None:
    """Run it beside everything else: asyncio's own few threads would let slow hosts hold up the others."""
    await get_running_loop().run_in_executor(_threads, partial(copy_context().run, verb, *arguments))


def _push_all(push: HostPush, host: Host, images: list[Image], tally: Tally) -> None:
    tags = {image.id: [tag_of(other.name) for other in images if other.id == image.id] for image in images}
    with layer_store().turn(f"host-{host.name}"):
        for image in {image.id: image for image in images}.values():
            start, sent = monotonic(), push.push(image, tags[image.id])
            tally.count_skipped(host.name, image.id, sent.skipped)
            pool_store().mark_image(host.name, image.id, now())
            if sent.sent:
                seconds = monotonic() - start
                get_run_logger().info("%s: %s, %.1f MB in %.1f s", host.name, image.name, sent.sent / 1e6, seconds)


def _logged(delivery: Delivery) -> Delivery:
    get_run_logger().info(
        "%s: %.1f MB sent, %.1f MB already there, %.1f s",
        delivery.host,
        delivery.sent / 1e6,
        delivery.skipped / 1e6,
        delivery.seconds,
    )
    return delivery
