"""Tasks on host images: say what one is made of, prepare the host, make the image, delete old ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.host_setup.sysprep import sysprep
from blocks.outside import log, now, outside
from pool.errors import CloudTrouble, ShuttingDown
from pool.hosts.host_images import HostImage, half_made, image_name, outdated, recipe_of
from pool.names import check_host_image_name
from pool.records import FlavorSize, Host, Image
from tasks.base import pool_task


@dataclass(frozen=True)
class Bake:
    """A host image to be made."""

    pool: str
    name: str
    playbook: str  # digest
    recipe: str  # as in pool.baking.recipe_of()


@pool_task(retries=2, retry_delay_seconds=2, task_run_name="plan a host image of {pool}")
def plan_bake(pool: str, name: str, images: list[Image]) -> Bake:
    """What the image will be called and what it is made by.

    Args:
        name: what the operator calls it; empty: by what is in it.

    Raises:
        CloudRefused: the cloud makes no images of its hosts, or does not have the one to begin with.
        BadRequest: the name cannot be an image's.
    """
    if name:
        check_host_image_name(name)
    config = outside().config(pool)
    cloud, playbook = outside().cloud(pool), outside().hosts.playbook_digest(config.settings(pool))
    cloud.check_snapshots()
    recipe = recipe_of(cloud.image_id(config.DD_HOST_IMAGE), playbook)
    return Bake(pool, name or image_name(pool, recipe, {image.id for image in images}), playbook, recipe)


@pool_task(
    retries=2,
    retry_delay_seconds=2,
    task_run_name="look for the host images of {bake.pool}",
)
def host_images(bake: Bake) -> list[HostImage]:
    """Every host image that was made for the pool, half-made ones too."""
    made = outside().cloud(bake.pool).snapshots()
    return [image for image in made if image.pool == bake.pool]


@pool_task(task_run_name="claim a host to make {bake.name} of")
def claim_host_to_bake(bake: Bake) -> Host:
    """Record a host without slots: the guard of every placement keeps sessions off it, from its first moment on.

    Raises:
        Refused: the pool is shutting down, or has as many hosts as it may have.
    """
    settings = outside().config(bake.pool).settings(bake.pool)
    if settings.shutdown_mode:
        raise ShuttingDown(f"pool {bake.pool} is in shutdown mode: no host image is made")
    run = str(outside().prefect.run_id)
    return outside().store.hosts.claim(
        bake.pool, FlavorSize.SMALL, 0, spawned_by=run, max_hosts=settings.max_hosts, now=now()
    )


@pool_task(task_run_name="take off {host.name} what must not be in an image")
def prepare_for_image(host: Host, bake: Bake) -> None:
    """Stop the engine in good order, remove keys, logs and identity, leave the mark. The host is of no use afterwards.

    Raises:
        CommandFailed: something could not be removed.
    """
    with outside().hosts.shell(host) as shell:
        sysprep(shell, bake.playbook)


@pool_task(
    retries=1,
    retry_delay_seconds=5,
    task_run_name="make image {bake.name} of {host.name}",
)
def take_image(host: Host, bake: Bake) -> HostImage:
    """Have the cloud switch the host off and make an image of it.

    Raises:
        CloudRefused: an image of that name is not ours.
        CloudTrouble: the cloud failed; the next run removes what it left.
    """
    cloud = outside().cloud(host.pool)
    made = cloud.snapshot(host.name, bake.name, bake.recipe)
    log().info("host image %s is there (%s); hosts boot from it from now on", made.name, made.id)
    return made


@pool_task(task_run_name="remove half-made host images of {bake.pool}")
def remove_half_made(bake: Bake, made: Sequence[HostImage]) -> None:
    """Remove what a run that died left in the cloud."""
    _delete(bake, half_made(made, bake.pool))


@pool_task(task_run_name="remove outdated host images of {bake.pool}")
def remove_outdated(bake: Bake, made: Sequence[HostImage]) -> None:
    """Remove all but the newest host image and the one before; those that hosts still run on stay till next time."""
    _delete(bake, outdated(made, bake.pool))


def _delete(bake: Bake, images: Sequence[HostImage]) -> None:
    cloud = outside().cloud(bake.pool)
    for image in images:
        try:
            cloud.delete_snapshot(image)
            log().info("host image %s is removed", image.name)
        except CloudTrouble as error:
            log().warning("%s", error)
