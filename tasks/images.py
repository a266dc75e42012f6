"""Verbs for images: pull references, read the catalogue from the archives, send to a host what it lacks."""

from asyncio import to_thread
from dataclasses import dataclass, replace
from time import monotonic

from prefect import get_run_logger, task

from blocks.database import pool_store
from blocks.engine import HostEngine
from blocks.engines import engine_of
from blocks.image_archive import ArchiveInfo, scan
from blocks.pool_config import pool_config
from blocks.registry import pull_to_archive
from blocks.settings import process_settings
from pool.errors import DockerDriverError, EngineTrouble
from pool.records import Host, Image
from tasks.retrying import now, worth_retrying


@dataclass(frozen=True)
class Delivery:
    """What one host got of its images. Sizes are bytes of the archives."""

    host: str
    sent: int = 0
    skipped: int = 0
    seconds: float = 0.0
    error: str = ""


@task(task_run_name="pull the references of {pool}")
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


@task(task_run_name="read the catalogue of {pool}")
async def read_catalogue(pool: str) -> list[Image]:
    """The pool's wanted images: every good archive in ``images/``. A broken one is named in the log and left out."""
    good, refused = await to_thread(scan, process_settings().images_dir)
    for name, reason in refused:
        get_run_logger().error("%s is not taken: %s", name, reason)
    store = pool_store()
    wanted = {name: _image(pool, name, archive) for archive in good for name in archive.names}
    for image in wanted.values():
        store.put_image(image)
    for gone in {image.name for image in store.images(pool)} - wanted.keys():
        get_run_logger().warning("image %s is retired: no archive in images/ holds it any more", gone)
        store.retire_image(pool, gone)
    return list(wanted.values())


def _image(pool: str, name: str, archive: ArchiveInfo) -> Image:
    return Image(pool, name, archive.image_id, archive.size, layers=archive.layers, archive=archive.path.name)


@task(
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=worth_retrying,
    task_run_name="send images to {host.name}",
)
async def send_images(host: Host, images: list[Image]) -> Delivery:
    """Load into the host's engine every image that it lacks, and compare the ids afterwards.

    Raises:
        EngineTrouble: an image is not there after it was loaded.
        HostUnreachable: the engine does not answer.
    """
    start, engine = monotonic(), engine_of(host)
    present = await to_thread(engine.image_ids)
    delivery = Delivery(host.name)
    for image in images:
        if image.id in present:
            delivery = replace(delivery, skipped=delivery.skipped + image.size)
        else:
            await to_thread(_load, engine, host, image)
            delivery = replace(delivery, sent=delivery.sent + image.size)
        pool_store().mark_image(host.name, image.id, now())
    return _timed(delivery, monotonic() - start)


def _load(engine: HostEngine, host: Host, image: Image) -> None:
    engine.load(process_settings().images_dir / image.archive)
    if image.id not in engine.image_ids():
        raise EngineTrouble(f"host {host.name}: image {image.name} was sent but is not there as {image.id[:19]}")


def _timed(delivery: Delivery, seconds: float) -> Delivery:
    get_run_logger().info(
        "%s: %.0f MB sent, %.0f MB already there, %.1f s",
        delivery.host,
        delivery.sent / 1e6,
        delivery.skipped / 1e6,
        seconds,
    )
    return replace(delivery, seconds=round(seconds, 1))
