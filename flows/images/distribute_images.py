"""Bring every wanted image to every active host, ``DD_IMAGE_PUSHES`` hosts at a time."""

from asyncio import Semaphore, gather

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import HostNames, ImageNames, Pool
from flows.steps.outcome import pipeline
from flows.steps.queue import serve_queue
from pool.errors import DockerDriverError, NotFound
from pool.images.names import catalogue_name
from pool.printable import how_many
from pool.records import Host, Image
from pool.states import HostState
from tasks.hosts.disks import make_room
from tasks.hosts.lifecycle import hosts_of
from tasks.images.catalogue import collect_layers, pull_references, read_catalogue, refused_archives
from tasks.images.delivery import Delivery, Distribution, plan_distribution, report_deliveries, send_images
from tasks.images.progress import shown


@flow(name="distribute-images", flow_run_name="distribute images to {pool}")
@pipeline
async def distribute_images(pool: Pool = "main", images: ImageNames = None, hosts: HostNames = None) -> State:
    """Send what is missing to every active host, `DD_IMAGE_PUSHES` of them at a time.

    A host that takes no byte for a minute, is dead or answers oddly fails alone: it is a row of the report. A slow one
    keeps its place as long as bytes go.

    Args:
        pool: Pool whose hosts get the images.
        images: Names of images. Empty: all that the pool offers.
        hosts: Names of hosts. Empty: all active hosts of the pool.

    Returns:
        What was sent and skipped, and which archives were refused. Also the artifacts `images-<pool>` (one row a host:
        bytes sent, bytes skipped, seconds, error), `images-on-hosts-<pool>` and, while it runs, `distribution-<pool>`.
    """
    await pull_references(pool)
    wanted = pick("image", [catalogue_name(name) for name in images or ()], await read_catalogue(pool))
    receivers = pick("host", hosts, await hosts_of(pool, [HostState.ACTIVE]))
    distribution = await plan_distribution(pool, len(receivers), wanted)
    places = Semaphore(len(distribution.places))
    async with shown(pool, distribution.tally):
        deliveries = await gather(*(deliver(host, wanted, distribution, places) for host in receivers))
    await collect_layers()
    rows = await report_deliveries(pool, deliveries)
    failed = [delivery.error for delivery in deliveries if delivery.error]
    if failed:
        lack = "lacks" if len(failed) == 1 else "lack"
        raise DockerDriverError(f"{len(failed)} of {how_many(len(deliveries), 'host')} {lack} images: {failed[0]}")
    return Completed(message="; ".join([summary(deliveries), *await refused_archives()]), data=rows)


def summary(deliveries: list[Delivery]) -> str:
    """What travelled, for the run's last message."""
    sent, skipped = sum(d.sent for d in deliveries), sum(d.skipped for d in deliveries)
    return f"{how_many(len(deliveries), 'host')}: {sent / 1e6:.1f} MB sent, {skipped / 1e6:.1f} MB already there"


async def deliver(host: Host, images: list[Image], distribution: Distribution, places: Semaphore) -> Delivery:
    """Send to one host when there is a place; its failure is a row of the report, not the end of the run."""
    async with places:
        try:
            roomy = await make_room(host)
            delivery = await send_images(host, images, distribution, roomy)
            await serve_queue(host.pool)  # a session may wait for a host with this image
            return delivery
        except Exception as error:  # noqa: BLE001 - whatever one host answers, the others get their images
            return Delivery(host.name, *distribution.tally.of(host.name), error=_words(host, error))
        finally:
            distribution.tally.count_done()


def _words(host: Host, error: Exception) -> str:
    """What went wrong on the host, which is named once."""
    words = str(error) if isinstance(error, DockerDriverError) else f"{type(error).__name__}: {error}"
    return words if words.startswith(f"host {host.name}") else f"host {host.name}: {words}"


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
