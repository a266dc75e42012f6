"""Which cloud a pool's hosts come from."""

from importlib import import_module

from blocks.clouds.port import Cloud
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound

#: Where each kind is; imported when a pool names it, for openstacksdk alone takes longer to import than all the rest.
KINDS = {
    "local-cloud": ("blocks.clouds.local.cloud", "LocalCloud"),
    "static-cloud": ("blocks.clouds.static", "StaticCloud"),
    "openstack-cloud": ("blocks.clouds.openstack_project.cloud", "OpenStackCloud"),
}


def cloud_of(stored: StoredBlocks, config: PoolConfig) -> Cloud:
    """Load the cloud block that the pool's configuration names.

    Raises:
        NotFound: the kind or the name does not exist; the message lists those that do.
    """
    slug, _, name = config.cloud.partition("/")
    if slug not in KINDS:
        raise NotFound(f"no kind of cloud is named {slug!r}; give <kind>/<name> with one of: {', '.join(KINDS)}")
    module, kind = KINDS[slug]
    return stored.load(getattr(import_module(module), kind), name, f"{slug} block")
