"""How what is ours is marked in the cloud, so that it is found again after any crash.

A server carries tags and metadata and a volume metadata. Ports and security groups have neither on every cloud that can
be set in the request that makes them, so the mark stands in their description. Keypairs and server groups have only a
name. Every mark is set by the very request that makes the thing.
"""

from pool import marks


def server_tags(namespace: str, pool: str, host: str) -> list[str]:
    """Tags of a server; by the first alone all servers of the namespace are listed."""
    return [namespace, pool_tag(pool), f"host={host}"]


def pool_tag(pool: str) -> str:
    """Return the tag of a pool's servers, beside the namespace."""
    return f"pool={pool}"


def metadata(namespace: str, pool: str, host: str) -> dict[str, str]:
    """Metadata of a server or a volume."""
    return {marks.NAMESPACE: namespace, marks.POOL: pool, marks.HOST: host}


def description(namespace: str) -> str:
    """Return the description of a port or a security group."""
    return f"DockerDriver {namespace}"


def shared_name(namespace: str, pool: str) -> str:
    """Name of what a pool's hosts share: security group, keypair, server group. No namespace holds "__"."""
    return f"{namespace}__{pool}"


def pool_of(namespace: str, name: str) -> str | None:
    """Return the pool of a shared resource by its name; None when it is not of the namespace."""
    return name.removeprefix(f"{namespace}__") if name.startswith(f"{namespace}__") else None


def host_key_mark(public_key: str) -> dict[str, str]:
    """Metadata that says which ssh key the server has; it is in every answer that lists the server."""
    return {marks.HOST_PUBLIC_KEY: public_key} if public_key else {}
