"""Bake a host image: a host of its own is configured, gets every image, is stripped of what is its own, and copied."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.hosts.configure_host import equip
from flows.hosts.spawn_host import bring_up, give_up, remove
from flows.steps.forms import HostImageName, Pool
from flows.steps.outcome import pipeline
from pool.hosts.host_images import already_made
from pool.records import Host, Image
from pool.states import HostState
from tasks.base import this_run
from tasks.hosts.host_images import (
    Bake,
    claim_host_to_bake,
    host_images,
    plan_bake,
    prepare_for_image,
    remove_half_made,
    remove_outdated,
    take_image,
)
from tasks.hosts.lifecycle import move_host
from tasks.hosts.setup import apply_playbook
from tasks.images.catalogue import pull_references, read_catalogue
from tasks.leases import lease


@flow(name="bake-host-image", flow_run_name="bake a host image for {pool}")
@pipeline
async def bake_host_image(pool: Pool = "main", name: HostImageName = "") -> State:
    """Make an image that hosts of the pool boot from ready-made. Asked again with nothing changed, it does nothing.

    Args:
        pool: Pool whose hosts boot from it.
        name: What the image is called. Empty: by what is in it, as dockerdriver-main-3fa9c1d2e0b4.

    Returns:
        The image's name. The next spawn uses it; the image before is kept, older ones are removed.
    """
    async with lease(f"baking for {pool}", holder=this_run()):
        await pull_references(pool)
        images = await read_catalogue(pool)
        bake = await plan_bake(pool, name, images)
        made = await host_images(bake)
        await remove_half_made(bake, made)
        there = already_made(made, bake.name, bake.recipe)
        if not there:
            await make_image(bake, images)
        await remove_outdated(bake, await host_images(bake))
    return Completed(message=f"host image {bake.name} {'was there already' if there else 'is made'}", data=bake.name)


async def make_image(bake: Bake, images: list[Image]) -> None:
    """Spawn, configure, take out of service, strip, copy, remove. However it ends, the host goes."""
    host = await bring_up(await claim_host_to_bake(bake))
    try:
        await apply_playbook(host)
        await equip(host, images)
    except BaseException as error:
        await give_up(host, str(error) or "cancelled", fault=None)  # it says nothing of the hosts of the pool
        raise
    why = f"it becomes the host image {bake.name}"
    await take_out_of_service(host, why)
    try:
        await prepare_for_image(host, bake)
        await take_image(host, bake)
    finally:
        await remove(host, why)


async def take_out_of_service(host: Host, why: str) -> None:
    """From here on no move leads back: whatever becomes of this run, housekeeping removes the host."""
    await move_host(host.name, HostState.DRAINING, reason=why)
    await move_host(host.name, HostState.REMOVING, reason=why)
