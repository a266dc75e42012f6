"""Which hosts of a pool have which image, as a table among Prefect's artifacts."""

from blocks.outside import outside
from pool.images.distribution import image_table
from pool.states import HostState
from tasks.images.catalogue import offered_with_pinned


def leave_image_table(pool: str) -> None:
    """Leave the table of what the pool offers, or its blueprints pin, by active hosts: ``images-on-hosts-<pool>``."""
    store = outside().store
    held = store.images.by_host(pool)
    active = [host.name for host in store.hosts.all(pool, [HostState.ACTIVE])]
    outside().prefect.write_table(
        image_table(offered_with_pinned(pool), {name: held.get(name, ()) for name in active}),
        key=f"images-on-hosts-{pool}",
        description=f"Which hosts of {pool} have which image",
    )
