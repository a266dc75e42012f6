"""Verbs for images: send to a host what it lacks."""

from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from time import monotonic

from prefect import get_run_logger

from blocks.database import pool_store
from blocks.engines import engine_of
from blocks.image_push import Bandwidth, HostPush
from blocks.layer_store import layer_store
from blocks.pool_config import pool_config
from blocks.push_archive import tag_of
from pool.distribution import Tally
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
