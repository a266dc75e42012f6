"""Verbs for host images: say what one is made of, prepare the host, take the image, throw old ones away."""

from asyncio import to_thread
from dataclasses import dataclass

from prefect import get_run_logger
from prefect.runtime import flow_run

from blocks.clouds.chosen import cloud_of
from blocks.database import pool_store
from blocks.host_setup.sysprep import sysprep, todays_playbook
from blocks.stored.pool_config import pool_config
from pool.errors import CloudTrouble, ShuttingDown
from pool.hosts.host_images import HostImage, half_made, image_name, outdated, recipe_of
from pool.names import check_host_image_name
from pool.records import FlavorSize, Host, Image
from tasks.base import verb
from tasks.events import tell_changes
from tasks.hosts.lifecycle import open_shell
from tasks.retrying import now, worth_retrying


@dataclass(frozen=True)
class Bake:
    """A host image to be made."""

    pool: str
    name: str
    playbook: str  # digest
    recipe: str  # as in pool.baking.recipe_of()


@verb(retries=2, retry_delay_seconds=2, retry_condition_fn=worth_retrying, task_run_name="plan a host image of {pool}")
async def plan_bake(pool: str, name: str, images: list[Image]) -> Bake:
    """What the image will be called and what it is made by.

    Args:
        name: what the operator calls it; empty: by what is in it.

    Raises:
        CloudRefused: the cloud makes no images of its hosts, or does not have the one to begin with.
        BadRequest: the name cannot be an image's.
    """
    if name:
        check_host_image_name(name)
    config = pool_config(pool)
    cloud, playbook = cloud_of(config), await to_thread(todays_playbook)
    await to_thread(cloud.check_snapshots)
    recipe = recipe_of(await to_thread(cloud.image_id, config.DD_HOST_IMAGE), playbook)
    return Bake(pool, name or image_name(pool, recipe, {image.id for image in images}), playbook, recipe)


@verb(
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=worth_retrying,
    task_run_name="look for the host images of {bake.pool}",
)
async def host_images(bake: Bake) -> list[HostImage]:
    """Every host image that was made for the pool, half-made ones too."""
    made = await to_thread(cloud_of(pool_config(bake.pool)).snapshots)
    return [image for image in made if image.pool == bake.pool]


@verb(task_run_name="claim a host to make {bake.name} of")
async def claim_host_to_bake(bake: Bake) -> Host:
    """Record a host without slots: the guard of every placement keeps sessions off it, from its first moment on.

    Raises:
        Refused: the pool is shutting down, or has as many hosts as it may have.
    """
    settings = pool_config(bake.pool).settings(bake.pool)
    if settings.shutdown_mode:
        raise ShuttingDown(f"pool {bake.pool} is in shutdown mode: no host image is made")
    run = str(flow_run.id)
    host = pool_store().hosts.claim(
        bake.pool, FlavorSize.SMALL, 0, spawned_by=run, max_hosts=settings.max_hosts, now=now()
    )
    await tell_changes()
    return host


@verb(task_run_name="take off {host.name} what must not be in an image")
async def prepare_for_image(host: Host, bake: Bake) -> None:
    """Stop the engine in good order, remove keys, logs and identity, leave the mark. The host is of no use afterwards.

    Raises:
        CommandFailed: something could not be removed.
    """
    with open_shell(host) as shell:
        await to_thread(sysprep, shell, bake.playbook)


@verb(
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=worth_retrying,
    task_run_name="make image {bake.name} of {host.name}",
)
async def take_image(host: Host, bake: Bake) -> HostImage:
    """Have the cloud switch the host off and make an image of it.

    Raises:
        CloudRefused: an image of that name is not ours.
        CloudTrouble: the cloud failed; the next run removes what it left.
    """
    cloud = cloud_of(pool_config(host.pool))
    made = await to_thread(cloud.snapshot, host.name, bake.name, bake.recipe)
    get_run_logger().info("host image %s is there (%s); hosts boot from it from now on", made.name, made.id)
    return made


@verb(task_run_name="remove half-made host images of {bake.pool}")
async def remove_half_made(bake: Bake, made: list[HostImage]) -> None:
    """Remove what a run that died left in the cloud."""
    await _delete(bake, half_made(made, bake.pool))


@verb(task_run_name="remove outdated host images of {bake.pool}")
async def remove_outdated(bake: Bake, made: list[HostImage]) -> None:
    """Remove all but the newest host image and the one before; those that hosts still run on stay till next time."""
    await _delete(bake, outdated(made, bake.pool))


async def _delete(bake: Bake, images: list[HostImage]) -> None:
    cloud = cloud_of(pool_config(bake.pool))
    for image in images:
        try:
            await to_thread(cloud.delete_snapshot, image)
            get_run_logger().info("host image %s is removed", image.name)
        except CloudTrouble as error:
            get_run_logger().warning("%s", error)
