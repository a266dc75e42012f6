"""What the hosts of one pool share in OpenStack: a security group, a keypair, a server group."""

from collections.abc import Iterable

from openstack.compute.v2.server_group import ServerGroup
from openstack.connection import Connection
from openstack.exceptions import ConflictException, HttpException
from openstack.network.v2.security_group import SecurityGroup

from blocks.clouds.openstack_project.marks import description, pool_of, shared_name
from pool.records import SESSION_PORTS

SSH, ENGINE = 22, 2376
#: What the members of the master's group may reach on a host: first and last port. No other machine may reach anything.
OPEN_PORTS = ((SSH, SSH), (ENGINE, ENGINE), (SESSION_PORTS[0], SESSION_PORTS[-1]))
POLICY = "soft-anti-affinity"  # the hosts of a pool on different machines, as far as there are any

Rule = tuple[str, str | None, int | None, int | None, str | None]


def ensure_group(
    cloud: Connection, namespace: str, pool: str, groups: Iterable[SecurityGroup], master: SecurityGroup
) -> SecurityGroup:
    """Find or create the pool's security group, with exactly the rules that it should have.

    Args:
        groups: the project's groups, as listed.
        master: the group whose members may reach the hosts.
    """
    name, mark = shared_name(namespace, pool), description(namespace)
    found = [group for group in groups if (group.name, group.description) == (name, mark)]
    group = found[0] if found else cloud.network.create_security_group(name=name, description=mark)
    _correct_rules(cloud, group, master)
    return group


def _correct_rules(cloud: Connection, group: SecurityGroup, master: SecurityGroup) -> None:
    """Correct the rules, which a crash between group and rules, or a new master group, left wrong."""
    wanted = [_rule(group, master, first, last, kind) for first, last in OPEN_PORTS for kind in ("IPv4", "IPv6")]
    present = {_facts(rule): rule for rule in group.security_group_rules if rule["direction"] == "ingress"}
    for facts in present.keys() - {_facts(rule) for rule in wanted}:
        cloud.network.delete_security_group_rule(present[facts]["id"])
    if missing := [rule for rule in wanted if _facts(rule) not in present]:
        cloud.network.create_security_group_rules(missing)


def _rule(group: SecurityGroup, master: SecurityGroup, first: int, last: int, kind: str) -> dict:
    return {
        "security_group_id": group.id,
        "direction": "ingress",
        "ethertype": kind,
        "protocol": "tcp",
        "port_range_min": first,
        "port_range_max": last,
        "remote_group_id": master.id,
    }


def _facts(rule: dict) -> Rule:
    """Return what identifies a rule. One that lets an address range in is never among those wanted."""
    source = rule["remote_group_id"] or rule.get("remote_ip_prefix")
    return rule["ethertype"], rule["protocol"], rule["port_range_min"], rule["port_range_max"], source


def ensure_keypair(cloud: Connection, namespace: str, pool: str, public_key: str) -> str:
    """Find or create the pool's keypair, and return its name."""
    name = shared_name(namespace, pool)
    if cloud.compute.find_keypair(name) is None:
        try:
            cloud.compute.create_keypair(name=name, public_key=public_key)
        except ConflictException:  # another spawn was faster; names are unique
            return name
    return name


def ensure_server_group(cloud: Connection, namespace: str, pool: str, most: int | None) -> str | None:
    """Find or create the pool's server group, and return its id.

    None where the cloud offers none, or no more members: a host matters more.

    Args:
        most: how many members a group may have; None or negative: no limit.
    """
    name = shared_name(namespace, pool)
    found = _server_groups(cloud, name)
    try:
        group = found[0] if found else cloud.compute.create_server_group(name=name, policy=POLICY)
    except HttpException as error:
        if error.status_code in (400, 403, 404):
            return None
        raise
    full = most is not None and 0 <= most <= len(group.member_ids or [])
    return None if full else group.id


def remove_shared(cloud: Connection, namespace: str, pool: str) -> None:
    """Remove what the hosts of a pool share that has none any more.

    Neutron refuses to delete a group that a port still has, so a host that is being made at this moment keeps it; what
    has no such guard goes after it. One that is not so far yet finds it gone and says so: see `shared_resources_exist`.
    """
    named = cloud.network.security_groups(name=shared_name(namespace, pool), description=description(namespace))
    if all(_deleted(cloud, group) for group in named):
        remove_names(cloud, namespace, pool)


def shared_resources_exist(cloud: Connection, order: dict) -> bool:
    """Whether the keypair and the server group that a server is ordered with still exist."""
    key, hints = order.get("key_name"), order.get("scheduler_hints", {})
    groups = {group.id for group in cloud.compute.server_groups()} if hints else set()
    return groups >= set(hints.values()) and (key is None or cloud.compute.find_keypair(key) is not None)


def shared_pools(cloud: Connection, namespace: str) -> set[str]:
    """Return the pools that have shared resources."""
    groups = cloud.network.security_groups(description=description(namespace))
    return {pool for group in groups if (pool := pool_of(namespace, group.name)) is not None}


def _deleted(cloud: Connection, group: SecurityGroup) -> bool:
    try:
        cloud.network.delete_security_group(group)
    except ConflictException:
        return False
    return True


def remove_names(cloud: Connection, namespace: str, pool: str) -> None:
    """Remove the pool's keypair and server group; absent is success."""
    name = shared_name(namespace, pool)
    cloud.compute.delete_keypair(name)
    for group in _server_groups(cloud, name):
        cloud.compute.delete_server_group(group)


def _server_groups(cloud: Connection, name: str) -> list[ServerGroup]:
    """Return the server groups of this name; Nova lists them all or none."""
    return [group for group in cloud.compute.server_groups() if group.name == name]
