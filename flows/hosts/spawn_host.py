"""Spawn a host: record it, have the cloud make it, wait until it answers, hand it over to be configured."""

from prefect import flow

from flows.steps.forms import Flavor, Pool, Reason
from flows.steps.outcome import pipeline
from pool.errors import DockerDriverError
from pool.hosts.launching import fault_of
from pool.hosts.sizing import check_flavor, flavor_to_spawn
from pool.records import Fault, Host
from pool.states import HostState
from tasks.base import log
from tasks.hosts.lifecycle import (
    claim_host,
    create_server,
    delete_server,
    hosts_of,
    move_host,
    prove_gone,
    wait_for_server,
    wait_for_ssh,
)
from tasks.runs import trigger


@flow(name="spawn-host", flow_run_name="spawn a host of {pool}")
@pipeline
async def spawn_host(pool: Pool = "main", flavor: Flavor = "", reason: Reason = "asked for by hand") -> str:
    """Spawn one host and hand it over to configure-host.

    Args:
        pool: Pool that the host joins.
        flavor: Size of the host: small or large. Empty: large when the pool is in use, else small.
        reason: Why the pool wants it; kept with the host's record.

    Returns:
        The host's name. It is `configuring`; or `failed`, with the reason and nothing left in the cloud.
    """
    asked = check_flavor(flavor)
    size = asked or flavor_to_spawn(await hosts_of(pool))
    host = await claim_host(pool, size, reason)
    if host.state is HostState.SPAWNING:
        host = await bring_up(host)
    await trigger(
        "configure-host/on-demand", {"host": host.name}, key=f"configure-{host.name}", tags=[f"host:{host.name}"]
    )
    return host.name


async def bring_up(host: Host) -> Host:
    """Make the server and wait for it; on any failure, remove it before the failure is told."""
    try:
        host = await wait_for_server(await create_server(host))
        await wait_for_ssh(host)
        return await move_host(host.name, HostState.CONFIGURING, reason="ssh answers")
    except BaseException as error:
        await give_up(host, str(error) or "cancelled", fault_of(error))
        raise


async def give_up(host: Host, reason: str, fault: Fault | None) -> None:
    """Leave nothing of the host in the cloud. What cannot be done now, housekeeping goes on with."""
    log().error("host %s is given up: %s", host.name, reason)
    try:
        await move_host(host.name, HostState.FAILED, reason=reason, fault=fault)
        await move_host(host.name, HostState.REMOVING, reason=reason)
    except DockerDriverError as error:  # the reason it was given up for is what the run must say
        log().warning("host %s is left to housekeeping: %s", host.name, error)
    else:
        await remove(host, reason)


async def remove(host: Host, reason: str) -> None:
    """Have the server of a removing host deleted. What cannot be done now, housekeeping goes on with."""
    try:
        await delete_server(host)
        if await prove_gone(host):
            await move_host(host.name, HostState.REMOVED, reason=reason)
    except DockerDriverError as error:
        log().warning("host %s is left to housekeeping: %s", host.name, error)
