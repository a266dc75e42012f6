"""Offer an image no longer: its sessions live on, hosts are cleaned when they need the room."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.confirming import confirm
from flows.steps.forms import Confirmed, DeleteArchive, ImageName, Pool
from flows.steps.outcome import pipeline
from tasks.images.catalogue import collect_layers, retire, uses_of


@flow(name="retire-image", flow_run_name="retire image {name} of {pool}")
@pipeline
async def retire_image(
    name: ImageName, pool: Pool = "main", delete_archive: DeleteArchive = False, confirmed: Confirmed = False
) -> State:
    """Offer an image no longer. New sessions of it are refused, those that there are live on.

    Args:
        name: What blueprints call it, for example jupyter-minimal.
        pool: Pool that offers it.
        delete_archive: Delete its archive in images/, too. Without it, add-image offers the image again.
        confirmed: Where blueprints or sessions use the image, the run pauses for a confirmation; not so if this is set.
    """
    if not confirmed and (uses := await uses_of(pool, name)):
        await confirm(f"image {name} of pool {pool} is in use: {uses}; no new session of it would start")
    image = await retire(pool, name, delete_archive)
    await collect_layers()
    archive = f"images/{image.archive} is deleted" if delete_archive else f"images/{image.archive} stays"
    return Completed(message=f"pool {pool} offers {name} no more; {archive}")
