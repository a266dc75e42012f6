"""Bring every wanted image to every active host, all hosts at once."""

from asyncio import Semaphore, create_task, gather, sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from prefect import flow
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks.database import pool_store
from blocks.stored.pool_config import pool_config
from flows.steps.outcome import says_why
from flows.steps.queue import serve_queue
from pool.errors import DockerDriverError, NotFound
from pool.images.distribution import DistributionTally, image_table
from pool.records import Host, Image
from pool.states import HostState
from tasks.hosts.disks import make_room
from tasks.hosts.lifecycle import hosts_of
from tasks.images.catalogue import collect_layers, pull_references, read_catalogue, refused_archives
from tasks.images.delivery import Delivery, Distribution, distribution_of, send_images

SHOW_SECONDS = 2


@flow(name="distribute-images", flow_run_name="distribute images to {pool}")
@says_why
async def distribute_images(
    pool: str = "main", images: list[str] | None = None, hosts: list[str] | None = None
) -> State:
    """Send what is missing to every active host. One slow or dead host holds up none.

    Args:
        pool: Pool whose hosts get the images.
        images: Names of images. Empty: all that the pool offers.
        hosts: Names of hosts. Empty: all active hosts of the pool.

    Returns:
        What was sent and skipped, and which archives were refused. Also the artifacts `images-<pool>` (one row a host:
        bytes sent, bytes skipped, seconds, error), `images-on-hosts-<pool>` and, while it runs, `distribution-<pool>`.
    """
    await pull_references(pool)
    wanted = pick("image", images, await read_catalogue(pool))
    receivers = pick("host", hosts, await hosts_of(pool, [HostState.ACTIVE]))
    distribution, places = distribution_of(pool, len(receivers), wanted), Semaphore(pool_config(pool).DD_IMAGE_PUSHES)
    async with shown(pool, distribution.tally):
        deliveries = await gather(*(deliver(host, wanted, distribution, places) for host in receivers))
    await collect_layers()
    rows = [vars(delivery) for delivery in deliveries]
    await acreate_table_artifact(rows, key=f"images-{pool}", description=f"Images sent to the hosts of {pool}")
    await acreate_table_artifact(
        image_table(wanted, {host.name: pool_store().images_on(host.name) for host in receivers}),
        key=f"images-on-hosts-{pool}",
        description=f"Which hosts of {pool} have which image",
    )
    failed = [delivery.error for delivery in deliveries if delivery.error]
    if failed:
        raise DockerDriverError(f"{len(failed)} of {len(deliveries)} hosts lack images: {failed[0]}")
    return Completed(message="; ".join([summary(deliveries), *await refused_archives()]), data=rows)


def summary(deliveries: list[Delivery]) -> str:
    """What travelled, for the run's last message."""
    sent, skipped = sum(d.sent for d in deliveries), sum(d.skipped for d in deliveries)
    return f"{len(deliveries)} hosts: {sent / 1e6:.1f} MB sent, {skipped / 1e6:.1f} MB already there"


async def deliver(host: Host, images: list[Image], distribution: Distribution, places: Semaphore) -> Delivery:
    """Send to one host when there is a place; its failure is a row of the report, not the end of the run."""
    async with places:
        try:
            roomy = await make_room(host)
            delivery = await send_images(host, images, distribution, roomy)
            await serve_queue(host.pool)  # somebody may wait for a host with this image
            return delivery
        except DockerDriverError as error:
            return Delivery(host.name, *distribution.tally.of(host.name), error=str(error))
        finally:
            distribution.tally.count_done()


@asynccontextmanager
async def shown(pool: str, tally: DistributionTally) -> AsyncIterator[None]:
    """Keep the progress artifact of the run up to date until the end."""
    start = monotonic()
    key, title = f"distribution-{pool}", f"Images on their way to the hosts of {pool}"
    artifact = await acreate_progress_artifact(0.0, key=key, description=title)

    async def show() -> None:
        progress = tally.progress(monotonic() - start)
        await aupdate_progress_artifact(artifact, progress.percent, f"{title}: {progress}")

    async def keep_showing() -> None:
        while True:
            await sleep(SHOW_SECONDS)
            await show()

    showing = create_task(keep_showing())
    try:
        yield
    finally:
        showing.cancel()
        await show()


def pick(noun: str, wanted: list[str] | None, offered: list) -> list:
    """Those of *offered* that are named, or all when none is.

    Raises:
        NotFound: a name that is not offered; the message lists those that are.
    """
    known = {thing.name: thing for thing in offered}
    for name in wanted or ():
        if name not in known:
            raise NotFound(f"no {noun} is named {name!r}; known: {', '.join(known) or 'none'}")
    return [known[name] for name in wanted] if wanted else offered
