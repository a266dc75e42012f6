"""Offer an image, or a new version of one, and bring it to every active host."""

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.images.distribute_images import distribute_images
from flows.steps.forms import Credentials, ImageName, Pool, Source
from flows.steps.outcome import pipeline
from pool.errors import DockerDriverError
from tasks.images.catalogue import take_in


@flow(name="add-image", flow_run_name="add image {image} to {pool}")
@pipeline
async def add_image(
    image: ImageName,
    source: Annotated[Literal["archive", "registry", "engine"], Field(json_schema_extra=Source)] = "archive",
    credentials: Credentials = "",
    pool: Pool = "main",
) -> State:
    """Offer an image, or its new version, and bring it to every active host. Adding it again updates it.

    Args:
        image: A file name in images/ (archive), a reference such as rocker/rstudio:4.4 (registry), or a name that the
            manager's own engine knows (engine).
        source: Where it comes from.
        credentials: Name of the block Registry login that its registry asks for. Empty: none.
        pool: Pool that offers it.

    Returns:
        What blueprints call it, and what was sent.
    """
    names = await take_in(pool, image, source, credentials)
    offered = f"pool {pool} offers {', '.join(names)}"
    outcome = await distribute_images(pool, images=names, return_state=True)
    if outcome.is_failed():
        raise DockerDriverError(f"{offered}; {outcome.message}")
    return Completed(message=f"{offered}; {outcome.message}", data=names)
