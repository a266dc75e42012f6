"""Tasks on hosts: claim, create, reach, move, delete, prove gone."""

from asyncio import sleep

from blocks.clouds.console import quoted
from blocks.clouds.port import Cloud, Server, ServerRequest, ServerStatus
from blocks.clouds.user_data import cloud_config
from blocks.outside import log, now, outside
from blocks.stored.host_keys import HostKey
from blocks.stored.pool_config import PoolConfig
from pool.errors import CloudTrouble, DockerDriverError, HostUnreachable, ShuttingDown
from pool.hosts.host_images import image_to_boot, recipe_of
from pool.records import FlavorSize, Host
from pool.states import LIVING_HOSTS, HostState
from tasks.base import blocking, look_up, pool_task

BUILD_SECONDS = 600
SSH_SECONDS = 300
GONE_SECONDS = 60


@pool_task(task_run_name="claim a host of {pool}")
def claim_host(pool: str, flavor: str, reason: str = "") -> Host:
    """Record a new host before anything of it exists; a retried flow run gets its own host back.

    Args:
        pool: name of the pool.
        flavor: "small" or "large".
        reason: why the pool wants it; kept with the record.

    Raises:
        NotFound: there is no such pool.
        Refused: the pool is shutting down, or has as many hosts as it may have.
    """
    settings = outside().config(pool).settings(pool)
    if settings.shutdown_mode:
        raise ShuttingDown(f"pool {pool} is in shutdown mode: no host is spawned")
    size = FlavorSize(flavor)
    return outside().store.hosts.claim(
        pool,
        size,
        settings.slots_of(size),
        spawned_by=outside().prefect.run_id,
        max_hosts=settings.max_hosts,
        now=now(),
        reason=reason,
    )


@look_up()
def hosts_of(pool: str, states: list[HostState] | None = None) -> list[Host]:
    """The pool's hosts in these states, or in any but removed.

    Raises:
        NotFound: there is no such pool.
    """
    outside().config(pool)
    return outside().store.hosts.all(pool, states or LIVING_HOSTS)


@look_up()
def get_host(name: str) -> Host:
    """The host's record.

    Raises:
        NotFound: no host has this name; the message lists those that exist.
    """
    return outside().store.hosts.get(name)


@pool_task(task_run_name="clear the errors of {name}")
def clear_errors(name: str) -> None:
    """Forget the host's consecutive errors: something worked."""
    outside().store.hosts.clear_errors(name)


@pool_task(task_run_name="count an error of {name}")
def count_error(name: str, reason: str) -> int:
    """Count one more consecutive error of the host; says how many there are now."""
    return outside().store.hosts.count_error(name, reason, now())


@pool_task(retries=2, retry_delay_seconds=[2, 10], task_run_name="create the server of {host.name}")
def create_server(host: Host) -> Host:
    """Have the cloud make the host's server, unless it already did.

    The public half of a fresh host key is recorded before the server exists: what answers at the first ssh connection
    is the server that we asked for, or it is refused. A cloud that knows which key its server has says so.
    """
    config, cloud = outside().config(host.pool), outside().cloud(host.pool)
    server = cloud.find(host.name)
    if server is None:
        key = outside().hosts.new_key()
        outside().store.hosts.note(host.name, host_key=key.public)
        image = _image_for(host, config, cloud)
        server = cloud.create(_request(host, config, key, image))
    return _noted(host, server)


def _noted(host: Host, server: Server) -> Host:
    """Write down which machine it is. Where another process made it, the key is the one that that process gave it."""
    key = {"host_key": server.host_key} if server.host_key else {}
    return outside().store.hosts.note(host.name, server_id=server.id, address=server.address, **key)


def _image_for(host: Host, config: PoolConfig, cloud: Cloud) -> str:
    """The newest image that was baked by today's recipe, or what the operator named."""
    made = [] if host.becomes_image else cloud.snapshots()
    if not made:
        return config.DD_HOST_IMAGE
    playbook = outside().hosts.playbook_digest(config.settings(host.pool))
    recipe = recipe_of(cloud.image_id(config.DD_HOST_IMAGE), playbook)
    baked = image_to_boot(made, host.pool, recipe)
    log().info("host %s boots from %s", host.name, baked.name if baked else config.DD_HOST_IMAGE)
    return baked.id if baked else config.DD_HOST_IMAGE


def _request(host: Host, config: PoolConfig, key: HostKey, image: str) -> ServerRequest:
    login = outside().stored.login()
    return ServerRequest(
        host=host.name,
        pool=host.pool,
        flavor=config.settings(host.pool).cloud_flavor_of(host.flavor),
        image=image,
        user_data=cloud_config(host.name, login.public_keys, key.private, key.public),
        host_key=key.public,
        slots=host.slots,
        data_volume_gb=host.slots * config.DD_HOST_DATA_VOLUME_FACTOR,
    )


@pool_task(task_run_name="wait for the server of {host.name}")
async def wait_for_server(host: Host, seconds: int = BUILD_SECONDS) -> Host:
    """Wait until the cloud calls the server active and gives its address.

    A cloud that fails to answer meanwhile is asked again: that says nothing of the server.

    Raises:
        CloudTrouble: it went to ERROR (with the cloud's own words), vanished, or is still being built after *seconds*,
            or the cloud does not answer by then.
        CloudRefused: the cloud does not take our credentials any more.
    """
    cloud, deadline = outside().cloud(host.pool), outside().clock.uptime() + seconds
    while True:
        found = await blocking(_asked, cloud, host)
        if isinstance(found, CloudTrouble):
            last = str(found)
        else:
            server = _living(host, found)
            if server.status is ServerStatus.ACTIVE and server.address:
                return await blocking(_noted, host, server)
            last = f"the cloud still says {server.status}"
        if outside().clock.uptime() > deadline:
            raise CloudTrouble(f"host {host.name}: {last} (waited for {seconds} s)")
        await sleep(1)


def _asked(cloud: Cloud, host: Host) -> Server | CloudTrouble | None:
    """What the cloud has of the host; or why it does not say."""
    try:
        return cloud.find(host.name)
    except CloudTrouble as error:
        log().warning("host %s: %s; the cloud is asked again", host.name, error)
        return error


def _living(host: Host, server: Server | None) -> Server:
    if server is None:
        raise CloudTrouble(f"host {host.name}: its server is gone from the cloud")
    if server.status is ServerStatus.ERROR:
        raise CloudTrouble(f"host {host.name}: the cloud could not make it: {server.fault or 'no reason given'}")
    return server


@pool_task(task_run_name="wait for ssh on {host.name}")
def wait_for_ssh(host: Host, seconds: int = SSH_SECONDS) -> None:
    """Wait until the host answers ssh with the key that we gave it, and lets our login key in.

    Raises:
        HostUnreachable: it did not; the last lines of its console are in the message, and more of them in the log.
    """
    try:
        outside().hosts.shell(host).wait_for_ssh(seconds, log().info)
    except HostUnreachable as error:
        console = _console(host)
        log().warning("last lines of the console of %s:\n%s", host.name, console or "(empty)")
        raise type(error)(f"host {host.name}: {error}; its console ends: {quoted(console) or '(empty)'}") from error


def _console(host: Host) -> str:
    """What the host's console says; why it cannot be read where that is so. The host's own trouble is what counts."""
    try:
        return outside().cloud(host.pool).console_log(host.name)
    except DockerDriverError as error:
        return f"({error})"


@pool_task(task_run_name="move host {name} to {to}")
def move_host(name: str, to: HostState, reason: str = "", **facts: object) -> Host:
    """Move a host along its life cycle by one guarded write.

    Raises:
        RefusedMove: the life cycle does not allow it from where the host is now; nothing changed.
    """
    return outside().store.hosts.move(name, to, now(), reason=reason, **facts)


@pool_task(
    retries=3,
    retry_delay_seconds=[1, 5, 15],
    task_run_name="delete the server of {host.name}",
)
def delete_server(host: Host) -> None:
    """Ask the cloud to delete the host's server; absent is success."""
    outside().cloud(host.pool).delete(host.name)


@pool_task(task_run_name="prove {host.name} gone")
async def prove_gone(host: Host, seconds: int = GONE_SECONDS) -> bool:
    """Whether the cloud says, within *seconds*, that the server is gone. A cloud that does not answer says nothing."""
    cloud, deadline = outside().cloud(host.pool), outside().clock.uptime() + seconds
    while await blocking(_asked, cloud, host) is not None:
        if outside().clock.uptime() > deadline:
            return False
        await sleep(1)
    return True
