"""Look at one pool from all sides: flow runs, records, cloud, engines."""

from asyncio import gather, to_thread
from datetime import datetime

from prefect import get_run_logger
from prefect.client.schemas.objects import FlowRun

from blocks.database import pool_store
from blocks.engines import engine_of
from blocks.gateway_activity import GatewayActivity
from blocks.pool_config import pool_names
from pool.errors import DockerDriverError, GatewayTrouble
from pool.observation import Observation
from pool.records import FlavorSize, Host, Instance
from pool.states import ENDED, HostState, InstanceState
from tasks.asking import known_headroom, listed_servers
from tasks.retrying import now
from tasks.routes import gateway
from tasks.runs import runs_under_way
from tasks.verb import verb

PROBED = (HostState.ACTIVE, HostState.DRAINING)


@verb(task_run_name="list the pools")
async def list_pools() -> list[str]:
    """Names of all pools that have a configuration."""
    return pool_names()


@verb(task_run_name="observe {pool}")
async def observe(pool: str) -> Observation:
    """One look at the pool.

    Flow runs are read before the records, and the records before the cloud: work that ends in between is then seen in
    the later look, and never taken for work that nobody does.
    """
    spawning, baking, configuring, provisioning, ending = await gather(
        *map(
            runs_under_way,
            ("spawn-host", "bake-host-image", "configure-host", "provision-instance", "deprovision-instance"),
        )
    )
    hosts = tuple(pool_store().hosts(pool))
    instances = tuple(pool_store().instances(pool, frozenset(InstanceState) - ENDED))
    servers, headroom, engines, activity = await gather(
        listed_servers(pool), known_headroom(pool), _engines(hosts), _activity()
    )
    runs = {str(run.id) for run in (*spawning, *baking)}
    return Observation(
        hosts=hosts,
        instances=instances,
        servers=servers,
        engines=engines,
        busy_hosts=_named(configuring, "host") | {host.name for host in hosts if host.spawned_by in runs},
        busy_instances=_named([*provisioning, *ending], "instance_id"),
        watched_since=activity and activity.since,
        last_used=_last_used(instances, activity),
        unrecorded_spawns=_unrecorded(spawning, pool, hosts),
        headroom=headroom,
    )


def _named(runs: list[FlowRun], parameter: str) -> frozenset[str]:
    return frozenset(run.parameters.get(parameter, "") for run in runs)


def _unrecorded(spawning: list[FlowRun], pool: str, hosts: tuple[Host, ...]) -> tuple[FlavorSize, ...]:
    recorded = {host.spawned_by for host in hosts}
    waiting = [run for run in spawning if str(run.id) not in recorded and run.parameters.get("pool", "main") == pool]
    return tuple(FlavorSize(run.parameters.get("flavor") or FlavorSize.SMALL) for run in waiting)


async def _activity() -> GatewayActivity | None:
    """What the gateway saw of all sessions; None when it could not be asked: unknown is not idle."""
    try:
        return await to_thread(gateway().activity)
    except GatewayTrouble as error:
        get_run_logger().warning("%s", error)
        return None


def _last_used(instances: tuple[Instance, ...], activity: GatewayActivity | None) -> dict[str, datetime]:
    seen = activity.routes if activity else {}
    return {i.id: used for i in instances if i.route in seen and (used := seen[i.route].last_seen)}


async def _engines(hosts: tuple[Host, ...]) -> dict[str, bool]:
    probed = [host for host in hosts if host.state in PROBED]
    answers = await gather(*(to_thread(_answers, host) for host in probed))
    return {host.name: answer for host, answer in zip(probed, answers, strict=True)}


def _answers(host: Host) -> bool:
    """Ask the host's engine; no answer is an error of the host."""
    try:
        engine_of(host).ping()
    except DockerDriverError as error:
        pool_store().count_host_error(host.name, str(error), now())
        return False
    return True
