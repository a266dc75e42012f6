"""Bring every wanted image to every active host, all hosts at once."""

from asyncio import gather

from prefect import flow
from prefect.artifacts import acreate_table_artifact

from flows.outcome import says_why
from pool.errors import DockerDriverError, NotFound
from pool.records import Host, Image
from pool.states import HostState
from tasks.hosts import hosts_of
from tasks.images import Delivery, pull_references, read_catalogue, send_images


@flow(name="distribute-images", flow_run_name="distribute images to {pool}")
@says_why
async def distribute_images(
    pool: str = "main", images: list[str] | None = None, hosts: list[str] | None = None
) -> list[dict]:
    """Send what is missing to every active host. One slow or dead host holds up none.

    Args:
        pool: Pool whose hosts get the images.
        images: Names of images. Empty: all that the pool offers.
        hosts: Names of hosts. Empty: all active hosts of the pool.

    Returns:
        One row a host: bytes sent, bytes skipped, seconds, error. Also the artifact `images-<pool>`.
    """
    await pull_references(pool)
    wanted = pick("image", images, await read_catalogue(pool))
    receivers = pick("host", hosts, await hosts_of(pool, [HostState.ACTIVE]))
    deliveries = await gather(*(deliver(host, wanted) for host in receivers))
    rows = [vars(delivery) for delivery in deliveries]
    await acreate_table_artifact(rows, key=f"images-{pool}", description=f"Images sent to the hosts of {pool}")
    failed = [delivery.error for delivery in deliveries if delivery.error]
    if failed:
        raise DockerDriverError(f"{len(failed)} of {len(deliveries)} hosts lack images: {failed[0]}")
    return rows


async def deliver(host: Host, images: list[Image]) -> Delivery:
    """Send to one host; its failure is a row of the report, not the end of the run."""
    try:
        return await send_images(host, images)
    except DockerDriverError as error:
        return Delivery(host.name, error=str(error))


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
