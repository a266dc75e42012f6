"""Which cloud a pool's hosts come from."""

from importlib import import_module

from blocks.cloud import Cloud
from blocks.lookup import load
from blocks.pool_config import PoolConfig
from pool.errors import NotFound

#: Where each kind is; imported when a pool names it, for openstacksdk alone takes longer to import than all the rest.
KINDS = {
    "local-cloud": ("blocks.local_cloud", "LocalCloud"),
    "static-cloud": ("blocks.static_cloud", "StaticCloud"),
    "openstack-cloud": ("blocks.openstack_cloud", "OpenStackCloud"),
}


def cloud_of(config: PoolConfig) -> Cloud:
    """The cloud block that the pool's configuration names.

    Raises:
        NotFound: the kind or the name does not exist; the message lists those that do.
    """
    slug, _, name = config.cloud.partition("/")
    if slug not in KINDS:
        raise NotFound(f"no kind of cloud is named {slug!r}; give <kind>/<name> with one of: {', '.join(KINDS)}")
    module, kind = KINDS[slug]
    return load(getattr(import_module(module), kind), name, f"{slug} block")
