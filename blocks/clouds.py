"""Which cloud a pool's hosts come from."""

from blocks.cloud import Cloud
from blocks.local_cloud import LocalCloud
from blocks.lookup import load
from blocks.pool_config import PoolConfig
from blocks.static_cloud import StaticCloud
from pool.errors import NotFound

KINDS: dict[str, type[Cloud]] = {kind.get_block_type_slug(): kind for kind in (LocalCloud, StaticCloud)}


def cloud_of(config: PoolConfig) -> Cloud:
    """The cloud block that the pool's configuration names.

    Raises:
        NotFound: the kind or the name does not exist; the message lists those that do.
    """
    slug, _, name = config.cloud.partition("/")
    if slug not in KINDS:
        raise NotFound(f"no kind of cloud is named {slug!r}; give <kind>/<name> with one of: {', '.join(KINDS)}")
    return load(KINDS[slug], name, f"{slug} block")
