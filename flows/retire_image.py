"""Offer an image no longer: its sessions live on, hosts are cleaned when they need the room."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.outcome import pipeline
from tasks.images.catalogue import collect_layers, retire


@flow(name="retire-image", flow_run_name="retire image {name} of {pool}")
@pipeline
async def retire_image(name: str, pool: str = "main", delete_archive: bool = False) -> State:
    """Offer an image no longer. New sessions of it are refused, those that there are live on.

    Args:
        name: What blueprints call it, for example jupyter-minimal.
        pool: Pool that offers it.
        delete_archive: Delete its archive in images/, too. Without it, add-image offers the image again.
    """
    image = await retire(pool, name, delete_archive)
    await collect_layers()
    archive = f"images/{image.archive} is deleted" if delete_archive else f"images/{image.archive} stays"
    return Completed(message=f"pool {pool} offers {name} no more; {archive}")
