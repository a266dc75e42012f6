"""Tasks on images: send a host the layers that it lacks."""

from asyncio import create_task, sleep
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from blocks.images.pull import HostPull
from blocks.images.push import Bandwidth, HostPush
from blocks.outside import log, now, outside
from pool.blame import BAD_IMAGE
from pool.errors import DiskFull, EngineTrouble
from pool.images.distribution import DistributionTally
from pool.images.names import tags_of
from pool.records import Host, Image
from tasks.base import blocking, pool_task
from tasks.images.tables import leave_image_table
from tasks.leases import any_lease

SHARE_SECONDS = 2


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
    places: Sequence[str]  # leases; each run that sends holds one
    id: str = field(default_factory=lambda: uuid4().hex)


def distribution_of(pool: str, hosts: int, images: list[Image]) -> Distribution:
    """A distribution of these images under the pool's settings, with nothing sent yet."""
    store = outside().layers
    expected = hosts * sum(store.size(layer) for image in images for layer in set(image.layers))
    config = outside().config(pool)
    places = [f"place {number} to send images in {pool}" for number in range(1, config.DD_IMAGE_PUSHES + 1)]
    return Distribution(Bandwidth(config.DD_IMAGE_BANDWIDTH_MB), DistributionTally(hosts, expected), places)


@pool_task(
    retries=2,
    retry_delay_seconds=[2, 10],
    task_run_name="send images to {host.name}",
)
async def send_images(
    host: Host, images: list[Image], distribution: Distribution | None = None, roomy: bool = True
) -> Delivery:
    """Load into the host's engine what it lacks of every image, and compare the ids afterwards.

    Images that arrived stay when a later one fails; the next try starts where the engine stands. An image that no
    engine takes holds up none of the others. Two who send to one host take turns, and no more than ``DD_IMAGE_PUSHES``
    send at the same time, in all runs together.

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
    start = outside().clock.uptime()
    ours = distribution if distribution else await blocking(distribution_of, host.pool, 1, images)
    push = await blocking(_way_to, host, ours)
    async with place_to_send(host.name, ours):
        await blocking(_push_all, push, host, images, ours.tally, roomy)
    sent, skipped = ours.tally.of(host.name)
    return _logged(Delivery(host.name, sent, skipped, round(outside().clock.uptime() - start, 1)))


@pool_task(task_run_name="plan the distribution to the hosts of {pool}: {hosts}")
def plan_distribution(pool: str, hosts: int, images: list[Image]) -> Distribution:
    """Plan a distribution of these images to so many hosts, under the pool's settings."""
    return distribution_of(pool, hosts, images)


@pool_task(task_run_name="report the deliveries to {pool}")
def report_deliveries(pool: str, deliveries: Sequence[Delivery]) -> list[dict]:
    """Leave the artifacts ``images-<pool>`` and ``images-on-hosts-<pool>``; returns a row for each delivery."""
    rows = [vars(delivery) for delivery in deliveries]
    outside().prefect.write_table(rows, key=f"images-{pool}", description=f"Images sent to the hosts of {pool}")
    leave_image_table(pool)
    return rows


def _way_to(host: Host, ours: Distribution) -> HostPush | HostPull:
    count, engine = partial(ours.tally.count_sent, host.name), outside().engines.of(host)
    return outside().transport.to(engine, host.name, outside().config(host.pool), ours.bandwidth, count)


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
        holders = (await blocking(outside().store.leases.holders, ours.places, now())).values()
        mine = sum(holder.startswith(ours.id) for holder in holders)
        ours.bandwidth.share(mine / max(len(holders), 1) or 1)
        await sleep(SHARE_SECONDS)


def _push_all(
    push: HostPush | HostPull, host: Host, images: list[Image], tally: DistributionTally, roomy: bool
) -> None:
    tags = {image.id: tags_of(other.name for other in images if other.id == image.id) for image in images}
    refused: list[EngineTrouble] = []
    for image in {image.id: image for image in images}.values():
        if not roomy and not push.is_there(image):
            raise DiskFull(
                f"host {host.name}: its disk is filled beyond DD_HOST_DISK_MARK and nothing on it may go;"
                f" {image.name} has to wait for room"
            )
        try:
            _push_one(push, host, image, tags[image.id], tally)
        except EngineTrouble as refusal:
            if refusal.blame is not BAD_IMAGE:
                raise
            refused.append(refusal)
    if refused:
        raise refused[0]


def _push_one(push: HostPush | HostPull, host: Host, image: Image, tags: list[str], tally: DistributionTally) -> None:
    start, sent = outside().clock.uptime(), push.push(image, tags)
    tally.count_skipped(host.name, image.id, sent.skipped)
    outside().store.images.mark(host.name, image.id, now())
    if sent.sent:
        seconds = outside().clock.uptime() - start
        log().info("%s: %s, %.1f MB in %.1f s", host.name, image.name, sent.sent / 1e6, seconds)


def _logged(delivery: Delivery) -> Delivery:
    log().info(
        "%s: %.1f MB sent, %.1f MB already there, %.1f s",
        delivery.host,
        delivery.sent / 1e6,
        delivery.skipped / 1e6,
        delivery.seconds,
    )
    return delivery
