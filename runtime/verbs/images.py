"""`dockerdriver image …`: see what a pool offers, offer another image, offer one no more."""

from typing import Any

from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.reports.tables import image_list
from runtime.databases.records import records
from runtime.verbs.flows import LONG_SECONDS, run_and_tell
from runtime.verbs.output import show

COLUMNS = {"pool": "Pool", "image": "Image", "id": "Id", "mb": "MB", "source": "From", "hosts": "On hosts"}


def list_(settings: ProcessSettings, pool: str | None, as_json: bool) -> int:
    """List the images that pools offer, and how many active hosts have each; works while the stack is stopped, too.

    Example: dockerdriver image list --pool main
    """
    with records(settings) as store:
        pools = {image.pool for image in store.images.catalogue(pool)} if store else set()
        rows = [
            row
            for name in sorted(pools)
            if store
            for row in image_list(store.images.offered(name), store.hosts.all(name), store.images.by_host(name))
        ]
    show(rows, COLUMNS, "no image is offered", as_json)
    return 0


def add(settings: ProcessSettings, image: str, source: str, credentials: str, pool: str, as_json: bool) -> int:
    """Offer an image, or its new version, and bring it to every active host.

    Example: dockerdriver image add rocker/rstudio:4.4 --source registry
    """
    wanted: dict[str, Any] = {"image": image, "source": source, "credentials": credentials, "pool": pool}
    run_and_tell(prefect_api(settings), "add-image/on-demand", as_json, LONG_SECONDS, **wanted)
    return 0


def retire(settings: ProcessSettings, image: str, pool: str, delete_archive: bool, yes: bool, as_json: bool) -> int:
    """Offer an image no longer. Sessions that run it live on.

    Example: dockerdriver image retire rocker/rstudio:4.3 --yes
    """
    wanted: dict[str, Any] = {"name": image, "pool": pool, "delete_archive": delete_archive, "confirmed": yes}
    run_and_tell(prefect_api(settings), "retire-image/on-demand", as_json, **wanted)
    return 0
