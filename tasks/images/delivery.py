"""Verbs for images: send to a host what it lacks."""

from asyncio import create_task, get_running_loop, sleep
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from uuid import uuid4

from prefect import get_run_logger

from blocks.database import pool_store
from blocks.engine.of_host import authority, engine_of
from blocks.images.layer_store import layer_store
from blocks.images.pull import HostPull
from blocks.images.push import Bandwidth, HostPush
from blocks.images.push_archive import tag_of
from blocks.images.registry import ImageRegistry
from blocks.stored.pool_config import pool_config
from blocks.stored.registry_login import credentials_of
from pool.errors import DiskFull
from pool.images.distribution import DistributionTally
from pool.records import Host, Image
from tasks.base import verb
from tasks.leases import any_lease
from tasks.retrying import now, worth_retrying

SHARE_SECONDS = 2
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
    tally: DistributionTally
    places: Sequence[str]  # leases; whoever sends holds one, in whatever run
    id: str = field(default_factory=lambda: uuid4().hex)


def distribution_of(pool: str, hosts: int, images: list[Image]) -> Distribution:
    """A distribution of these images under the pool's settings, with nothing sent yet."""
    store = layer_store()
    expected = hosts * sum(store.size(layer) for image in images for layer in set(image.layers))
    config = pool_config(pool)
    places = [f"place {number} to send images in {pool}" for number in range(1, config.DD_IMAGE_PUSHES + 1)]
    return Distribution(Bandwidth(config.DD_IMAGE_BANDWIDTH_MB), DistributionTally(hosts, expected), places)


@verb(
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=worth_retrying,
    task_run_name="send images to {host.name}",
)
async def send_images(
    host: Host, images: list[Image], distribution: Distribution | None = None, roomy: bool = True
) -> Delivery:
    """Load into the host's engine what it lacks of every image, and compare the ids afterwards.

    Images that arrived stay when a later one fails; the next try starts where the engine stands. Two who send to one
    host take turns, and no more than ``DD_IMAGE_PUSHES`` send at the same time, in all runs together.

    Args:
        host: that gets them.
        images: that it is to have.
        distribution: that it belongs to; None: one of its own.
        roomy: whether there is room for more; an image that the host has needs none.

    Raises:
        DiskFull: an image is missing and there is no room for it.
        EngineTrouble: the engine refused an image, or does not have it afterwards.
        HostUnreachable: the engine does not answer.
    """
    start, ours = monotonic(), distribution or distribution_of(host.pool, 1, images)
    count = partial(ours.tally.count_sent, host.name)
    push = _way_to(host, ours, count)
    async with place_to_send(host.name, ours):
        await in_a_thread(_push_all, push, host, images, ours.tally, roomy)
    sent, skipped = ours.tally.of(host.name)
    return _logged(Delivery(host.name, sent, skipped, round(monotonic() - start, 1)))


def _way_to(host: Host, ours: Distribution, count: Callable[[int], None]) -> HostPush | HostPull:
    """How images reach the host: sent by us, or pulled from the registry that the pool names."""
    config, engine = pool_config(host.pool), engine_of(host)
    if not config.DD_IMAGE_REGISTRY:
        return HostPush(engine, host.name, layer_store(), ours.bandwidth, count)
    login = credentials_of(config.DD_IMAGE_REGISTRY_LOGIN)
    registry = ImageRegistry(config.DD_IMAGE_REGISTRY, authority().certificate, login)
    return HostPull(engine, host.name, layer_store(), registry, count)


@asynccontextmanager
async def place_to_send(host: str, ours: Distribution) -> AsyncIterator[None]:
    """Wait for the host's turn and for a place; meanwhile keep to a fair share of the bandwidth."""
    holder = f"{ours.id} {host}"
    async with any_lease([f"images to {host}"], holder), any_lease(ours.places, holder):
        sharing = create_task(_share(ours))
        try:
            yield
        finally:
            sharing.cancel()


async def _share(ours: Distribution) -> None:
    """Take of the bandwidth as large a part as of the places that are taken."""
    while ours.bandwidth:
        holders = pool_store().lease_holders(ours.places, now()).values()
        mine = sum(holder.startswith(ours.id) for holder in holders)
        ours.bandwidth.share(mine / max(len(holders), 1) or 1)
        await sleep(SHARE_SECONDS)


async def in_a_thread(verb: Callable, *arguments: object) -> object:
    """Run it beside everything else: asyncio's own few threads would let slow hosts hold up the others."""
    return await get_running_loop().run_in_executor(_threads, partial(copy_context().run, verb, *arguments))


def _push_all(
    push: HostPush | HostPull, host: Host, images: list[Image], tally: DistributionTally, roomy: bool
) -> None:
    named = [image for image in images if "@" not in image.name]  # a pinned version leaves its name to the newest
    tags = {image.id: [tag_of(other.name) for other in named if other.id == image.id] for image in images}
    for image in {image.id: image for image in images}.values():
        if not roomy and not push.is_there(image):
            raise DiskFull(
                f"host {host.name}: its disk is filled beyond DD_HOST_DISK_MARK and nothing on it may go;"
                f" {image.name} has to wait for room"
            )
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
