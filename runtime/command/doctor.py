"""`dockerdriver doctor`: do the databases answer, does the cloud have what each pool needs; if not, what to do."""

from collections.abc import Callable, Iterable

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.readiness import Finding
from blocks.clouds.port import Cloud
from blocks.outside import outside
from blocks.settings import ProcessSettings
from blocks.stored.pool_config import PoolConfig
from pool.errors import DockerDriverError
from pool.hosts.certificates import running_out
from runtime.databases.databases import Database, databases, trouble_with
from runtime.stack.initial_config import first_openstack, first_pool
from tasks.housekeeping.findings import block_troubles

Say = Callable[[str], None]


def examine_pools(say: Say = print) -> int:
    """Check every pool that gets its hosts from OpenStack; say of each thing whether it is there.

    Returns:
        How many problems there are.

    Raises:
        NotFound: a pool names a cloud block that does not exist.
    """
    here = outside()
    configs = {name: here.config(name) for name in here.stored.pools()}
    problems = sum(_examine_pool(name, config, here.cloud(name), say) for name, config in configs.items())
    return problems + examine_blocks(say) + examine_certificates(configs, say)


def examine_blocks(say: Say = print) -> int:
    """Say which blueprints cannot be read, and which pools in use have no block; how many."""
    troubles = block_troubles()
    for trouble in troubles:
        say(f"  WRONG    {trouble}")
    return len(troubles)


def examine_certificates(pools: Iterable[str], say: Say = print) -> int:
    """Say which certificates run out within 30 days, the authority's, the gateway's, the registries'; how many."""
    here = outside()
    found = [certificate for pool in pools for certificate in here.certificates.of(pool)]
    ending = running_out(dict.fromkeys(found), here.clock.now())
    for warning in ending:
        say(f"  ENDING   {warning}")
    return len(ending)


def examine_plans(settings: ProcessSettings, say: Say = print) -> int:
    """Examine the pool and the cloud that the first `make up` will save; return the number of problems.

    Raises:
        BadRequest: a setting cannot be what the environment or ``dockerdriver.env`` says.
    """
    cloud = first_openstack() if settings.cloud == "openstack" else None
    return _examine_pool("main", first_pool(settings.cloud), cloud, say)


def examine_databases(settings: ProcessSettings, runs: bool, say: Say = print) -> int:
    """Say which databases there are and whether they answer; return the number of problems.

    Args:
        settings: of this installation.
        runs: whether Prefect's server answers what it reads in its database.
        say: where it is said.
    """
    pool, prefect = databases(settings)
    of_prefect = "" if runs or prefect.on_sqlite else trouble_with(settings, prefect.url)
    return _examine(pool, trouble_with(settings, pool.url), say) + _examine(prefect, of_prefect, say)


def _examine(database: Database, trouble: str, say: Say) -> int:
    """A database that runs with the stack is no problem while the stack is stopped."""
    if not trouble:
        say(f"  ok       {database.name} answers: {database.where}")
    elif database.with_the_stack:
        say(f"  --       {database.name}: {trouble} ({database.where}); `make up` has it run")
    else:
        says = f"{database.name} does not answer ({database.where}): {trouble}"
        say(f"  MISSING  {says}\n           fix: see that it runs and takes this URL, {database.setting}")
        return 1
    return 0


def _examine_pool(name: str, config: PoolConfig, cloud: Cloud | None, say: Say) -> int:
    if not isinstance(cloud, OpenStackCloud):
        say(f"pool {name} gets its hosts from {config.cloud}: nothing to check")
        return 0
    say(f"pool {name} gets its hosts from {cloud.credentials.where()}")
    return examine_openstack(name, config, cloud, say)


def examine_openstack(pool: str, config: PoolConfig, cloud: OpenStackCloud, say: Say = print) -> int:
    """Check what a pool with this configuration needs of this cloud; the number of problems."""
    problems = 0
    try:
        for finding in cloud.readiness(
            image=config.DD_HOST_IMAGE,
            flavors=(config.DD_HOST_FLAVOR_NAME_SMALL, config.DD_HOST_FLAVOR_NAME_LARGE),
            data_volume_gb=config.DD_HOST_FLAVOR_SLOTS_LARGE * config.DD_HOST_DATA_VOLUME_FACTOR,
            hosts=config.DD_MAX_HOSTS,
            pool=pool,
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
