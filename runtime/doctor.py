"""`dockerdriver doctor`: does the cloud have what each pool needs, and if not, what to do about it."""

from collections.abc import Callable

from blocks.clouds import cloud_of
from blocks.openstack_cloud import OpenStackCloud
from blocks.openstack_readiness import Finding
from blocks.pool_config import PoolConfig, pool_config, pool_names
from pool.errors import DockerDriverError

Say = Callable[[str], None]


def examine_pools(say: Say = print) -> int:
    """Check every pool that gets its hosts from OpenStack; say of each thing whether it is there.

    Returns:
        How many problems there are.

    Raises:
        NotFound: a pool names a cloud block that does not exist.
    """
    return sum(_examine_pool(name, pool_config(name), say) for name in pool_names())


def _examine_pool(name: str, config: PoolConfig, say: Say) -> int:
    cloud = cloud_of(config)
    if not isinstance(cloud, OpenStackCloud):
        say(f"pool {name} gets its hosts from {config.cloud}: nothing to check")
        return 0
    say(f"pool {name} gets its hosts from {cloud.credentials.where()}")
    return examine_openstack(config, cloud, say)


def examine_openstack(config: PoolConfig, cloud: OpenStackCloud, say: Say = print) -> int:
    """Check what a pool with this configuration needs of this cloud; the number of problems."""
    problems = 0
    try:
        for finding in cloud.readiness(
            image=config.DD_HOST_IMAGE,
            flavors=(config.DD_HOST_FLAVOR_NAME_SMALL, config.DD_HOST_FLAVOR_NAME_LARGE),
            data_volume_gb=config.DD_HOST_FLAVOR_SLOTS_LARGE * config.DD_HOST_DATA_VOLUME_FACTOR,
            hosts=config.DD_MAX_HOSTS,
        ):
            problems += finding.problem
            say(_line(finding))
    except DockerDriverError as error:  # there are no credentials to log in with
        say(f"  MISSING  {error}")
        problems += 1
    return problems


def _line(finding: Finding) -> str:
    if finding.problem:
        return f"  MISSING  {finding.what}: {finding.says}\n           fix: {finding.fix}"
    return f"  ok       {finding.what}: {finding.says}"
