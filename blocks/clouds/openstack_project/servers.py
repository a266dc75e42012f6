"""Servers as Nova shows them, and as the port to a cloud describes them."""

import time
from functools import partial

from openstack.compute.v2.server import Server as NovaServer
from openstack.connection import Connection

from blocks.clouds.openstack_project.marks import pool_tag
from blocks.clouds.openstack_project.waiting import deadline, is_over, patiently
from blocks.clouds.port import Server, ServerStatus
from pool import marks
from pool.errors import CloudTrouble

GONE_SECONDS = 60
TIMES_TO_ASK = 3
STATUS = {
    "BUILD": ServerStatus.BUILD,
    "REBUILD": ServerStatus.BUILD,
    "ACTIVE": ServerStatus.ACTIVE,
    "REBOOT": ServerStatus.ACTIVE,
    "HARD_REBOOT": ServerStatus.ACTIVE,
    "PASSWORD": ServerStatus.ACTIVE,
    "ERROR": ServerStatus.ERROR,
    "UNKNOWN": ServerStatus.ERROR,
    "DELETED": ServerStatus.DELETING,
    "SOFT_DELETED": ServerStatus.DELETING,
}


def all_servers(cloud: Connection, namespace: str) -> list[NovaServer]:
    """Every server of the namespace, in one request. One that lacks the mark of its host is not of our making."""
    return [server for server in cloud.compute.servers(tags=namespace) if marks.HOST in (server.metadata or {})]


def has_servers(cloud: Connection, namespace: str, pool: str) -> bool:
    """Whether the pool has a server; one is asked for, however many there are."""
    some = cloud.compute.servers(details=False, tags=f"{namespace},{pool_tag(pool)}", limit=1)
    return next(some, None) is not None


def servers_of(cloud: Connection, namespace: str, host: str) -> list[NovaServer]:
    """List the host's servers, the oldest living one first: two processes that made it at once made two."""
    named = cloud.compute.servers(tags=namespace, name=f"^{host}$")
    ours = [server for server in named if (server.metadata or {}).get(marks.HOST) == host]
    return sorted(ours, key=lambda server: (is_deleting(server), server.created_at, server.id))


def to_server(server: NovaServer) -> Server:
    """Translate Nova's server into the port's."""
    return Server(
        id=server.id,
        host=server.metadata[marks.HOST],
        pool=server.metadata.get(marks.POOL, ""),
        status=_status(server),
        address=_address(server),
        fault=(server.fault or {}).get("message", ""),
        host_key=server.metadata.get(marks.HOST_PUBLIC_KEY),
    )


def keep_oldest(cloud: Connection, namespace: str, host: str) -> NovaServer | None:
    """Keep the oldest of the host's servers and delete the others. None when there is none.

    Two processes that made the host at once each look afterwards. The one that looks later sees both servers, so at
    least one of them deletes; and where both see both, they choose alike.
    """
    found = servers_of(cloud, namespace, host)
    for other in found[1:]:
        if not is_deleting(other):
            cloud.compute.delete_server(other)
    return found[0] if found else None


def is_deleting(server: NovaServer) -> bool:
    """Whether Nova is on the way to delete it."""
    return server.task_state == "deleting" or STATUS.get(server.status) is ServerStatus.DELETING


def delete_and_wait(cloud: Connection, namespace: str, host: str, seconds: float = GONE_SECONDS) -> set[str]:
    """Have the host's servers deleted, and wait until Nova shows none.

    A build that fails at this moment makes Nova forget the request, so it is repeated.

    Returns:
        The pools that they were of; empty when there was none.

    Raises:
        CloudTrouble: Nova gave up on it several times, or still shows a server after *seconds*.
    """
    until, asked, pools = deadline(seconds), 0, set()
    while left := patiently(partial(servers_of, cloud, namespace, host), until):
        pools |= {server.metadata.get(marks.POOL, "") for server in left}
        alive = [server for server in left if not is_deleting(server)]
        if alive and asked == TIMES_TO_ASK:
            why = to_server(alive[0]).fault or "no reason given"
            raise CloudTrouble(f"the cloud could not delete server {alive[0].id} of host {host}: {why}")
        if is_over(until):
            raise CloudTrouble(f"server {left[0].id} of host {host} is still there, {seconds:.0f} s after its delete")
        for server in alive:
            patiently(partial(cloud.compute.delete_server, server), until)
        asked += bool(alive)
        time.sleep(0.5)
    return pools


def _status(server: NovaServer) -> ServerStatus:
    return ServerStatus.DELETING if is_deleting(server) else STATUS.get(server.status, ServerStatus.STOPPED)


def _address(server: NovaServer) -> str | None:
    """Return the first fixed address, an IPv4 one where there is one."""
    every = [address for network in (server.addresses or {}).values() for address in network]
    fixed = [address for address in every if address.get("OS-EXT-IPS:type", "fixed") == "fixed"]
    first = min(fixed, key=lambda address: address["version"], default=None)
    return first.get("addr") if first else None
