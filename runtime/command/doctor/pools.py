"""Do the databases answer, does the cloud have what each pool needs, are blocks and certificates in order."""

from collections.abc import Iterable, Iterator

from blocks.clouds.openstack_project.cloud import OpenStackCloud
from blocks.clouds.openstack_project.readiness import Finding
from blocks.clouds.port import Cloud
from blocks.outside import outside
from blocks.settings import ProcessSettings
from blocks.stored.pool_config import PoolConfig
from pool.errors import DockerDriverError, Refused
from pool.hosts.certificates import running_out
from runtime.command.doctor.parts import parts_of
from runtime.command.doctor.told import Condition, Told
from runtime.databases.databases import NOT_MADE, Database, databases, trouble_with
from runtime.stack.initial_config import first_openstack, first_pool
from tasks.housekeeping.findings import block_troubles


def examine_what_pools_need(settings: ProcessSettings, runs: bool) -> Iterator[Told]:
    """Examine databases, clouds, blocks and certificates, as far as this machine has what asks them.

    Args:
        settings: of this installation.
        runs: whether Prefect's server answers what it reads in its database.
    """
    parts = parts_of(settings)
    if not (parts.manager or parts.workers):
        return
    yield from examine_databases(settings, runs)
    if parts.manager:
        yield from examine_pools() if runs else examine_plans(settings)
    elif runs:
        yield from examine_blocks()


def examine_pools() -> Iterator[Told]:
    """Check every pool that gets its hosts from OpenStack; tell of each thing whether it is there.

    A pool whose cloud has no block, as of a static one before its machines are listed, keeps no other from being told.
    """
    here = outside()
    configs = {name: here.config(name) for name in here.stored.pools()}
    for name, config in configs.items():
        try:
            cloud = here.cloud(name)
        except Refused as refusal:
            yield Told(f"pool {name} gets no host: {refusal}", Condition.WRONG, f"save the block {config.cloud}", name)
        else:
            yield from _examine_pool(name, config, cloud)
    yield from examine_blocks()
    yield from examine_certificates(configs)


def examine_blocks() -> Iterator[Told]:
    """Tell which blueprints cannot be read, and which pools in use have no block."""
    return (Told(trouble, Condition.WRONG) for trouble in block_troubles())


def examine_certificates(pools: Iterable[str]) -> Iterator[Told]:
    """Tell which certificates run out within 30 days: the authority's, the gateway's, the registries'."""
    here = outside()
    found = [certificate for pool in pools for certificate in here.certificates.of(pool)]
    return (Told(said, Condition.ENDING) for said in running_out(dict.fromkeys(found), here.clock.now()))


def examine_plans(settings: ProcessSettings) -> Iterator[Told]:
    """Examine the pool and the cloud that the first `make up` will save.

    Raises:
        BadRequest: a setting cannot be what the environment or ``dockerdriver.env`` says.
    """
    cloud = first_openstack() if settings.cloud == "openstack" else None
    return _examine_pool("main", first_pool(settings.cloud), cloud)


def examine_databases(settings: ProcessSettings, runs: bool) -> Iterator[Told]:
    """Tell which databases there are and whether they answer.

    Args:
        settings: of this installation.
        runs: whether Prefect's server answers what it reads in its database.
    """
    pool, prefect = databases(settings)
    if runs:
        of_prefect = ""
    elif prefect.on_sqlite:
        of_prefect = "" if prefect.file.exists() else NOT_MADE
    else:
        of_prefect = trouble_with(settings, prefect.url)
    yield _of_database(pool, trouble_with(settings, pool.url))
    if settings.api_url:  # a machine of workers alone asks the API
        return
    yield _of_database(prefect, of_prefect)


def _of_database(database: Database, trouble: str) -> Told:
    """A database that runs with the stack is no problem while the stack is stopped."""
    if not trouble:
        return Told(f"{database.name} answers: {database.where}", Condition.OK)
    if database.with_the_stack:
        return Told(f"{database.name}: {trouble} ({database.where}); `make up` has it run", Condition.UNKNOWN)
    says = f"{database.name} does not answer ({database.where}): {trouble}"
    return Told(says, Condition.MISSING, f"see that it runs and takes this URL, {database.setting}")


def _examine_pool(name: str, config: PoolConfig, cloud: Cloud | None) -> Iterator[Told]:
    if not isinstance(cloud, OpenStackCloud):
        yield Told(f"pool {name} gets its hosts from {config.cloud}: nothing to check")
        return
    yield Told(f"pool {name} gets its hosts from {cloud.credentials.where()}")
    yield from examine_openstack(name, config, cloud)


def examine_openstack(pool: str, config: PoolConfig, cloud: OpenStackCloud) -> Iterator[Told]:
    """Check what a pool with this configuration needs of this cloud."""
    try:
        for finding in cloud.readiness(
            image=config.DD_HOST_IMAGE,
            flavors=(config.DD_HOST_FLAVOR_NAME_SMALL, config.DD_HOST_FLAVOR_NAME_LARGE),
            data_volume_gb=config.DD_HOST_FLAVOR_SLOTS_LARGE * config.DD_HOST_DATA_VOLUME_FACTOR,
            hosts=config.DD_MAX_HOSTS,
            pool=pool,
        ):
            yield _of_cloud(finding, pool)
    except DockerDriverError as error:  # there are no credentials to log in with
        yield Told(str(error), Condition.MISSING, about=pool)


def _of_cloud(finding: Finding, pool: str) -> Told:
    condition = Condition.MISSING if finding.problem else Condition.OK
    return Told(f"{finding.what}: {finding.says}", condition, finding.fix if finding.problem else "", pool)
