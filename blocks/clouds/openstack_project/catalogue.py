"""What a project offers, found by name or id: flavors, images, networks, security groups."""

from collections.abc import Iterable
from typing import TypeVar, cast

from openstack.compute.v2.flavor import Flavor
from openstack.connection import Connection
from openstack.image.v2.image import Image
from openstack.network.v2.network import Network
from openstack.network.v2.security_group import SecurityGroup
from openstack.resource import Resource

from pool.errors import CloudRefused

Found = TypeVar("Found", bound=Resource)
SHOWN = 20  # candidates in an error: a public cloud has hundreds of images


def get_flavor(cloud: Connection, wanted: str) -> Flavor:
    """Return the flavor of this name or id.

    Raises:
        CloudRefused: "no flavor is named 'x'; the cloud has: nb.large, nb.small".
    """
    return get_flavors(cloud, [wanted])[0]


def get_flavors(cloud: Connection, wanted: Iterable[str]) -> list[Flavor]:
    """Return the flavors of these names or ids, in one request.

    Raises:
        CloudRefused: one is not there, as get_flavor() says it.
    """
    offered = list(cloud.compute.flavors())
    return [pick("flavor", name, offered) for name in wanted]


def get_image(cloud: Connection, wanted: str) -> Image:
    """Return the active image or snapshot of this name or id.

    A community image is taken by its id alone: everyone in the cloud may publish one under any name.

    Raises:
        CloudRefused: none, or several of one name; the message lists the candidates.
    """
    offered = list(cast("Iterable[Image]", cloud.image.images(status="active")))
    if any(wanted in (image.id, image.name) for image in offered):
        return pick("image", wanted, offered)
    community = list(cast("Iterable[Image]", cloud.image.images(status="active", visibility="community")))
    if found := next((image for image in community if image.id == wanted), None):
        return found
    if ids := sorted(image.id for image in community if image.name == wanted):
        raise CloudRefused(f"only community images are named {wanted!r}; give the id of one: {', '.join(ids)}")
    return pick("image", wanted, offered)


def get_network(cloud: Connection, wanted: str) -> Network:
    """Return the network of this name or id; "auto": the only one of the project.

    One that is external counts where there is no other and it is shared: the project's servers may be in it then.

    Raises:
        CloudRefused: none, or several; the message lists the candidates.
    """
    ours = [network for network in cloud.network.networks() if _ours(cloud, network)]
    if wanted != "auto":
        return pick("network", wanted, ours)
    usable = [network for network in ours if not network.is_router_external]
    usable = usable or [network for network in ours if network.is_shared]
    if len(usable) == 1:
        return usable[0]
    raise CloudRefused(f"DD_HOST_NETWORK is 'auto', but the project has not just one network: {listed(usable)}")


def project_groups(cloud: Connection) -> list[SecurityGroup]:
    """All security groups that the project can use, with their rules, in one request."""
    return [group for group in cloud.network.security_groups() if _ours(cloud, group)]


def pick(noun: str, wanted: str, found: Iterable[Found]) -> Found:
    """Return the one of *found* whose id or name is *wanted*. An id is never ambiguous, so it counts first.

    Raises:
        CloudRefused: none, or two of one name; the message lists the candidates.
    """
    found = list(found)
    by_id = [resource for resource in found if resource.id == wanted]
    matching = by_id or [resource for resource in found if resource.name == wanted]
    if len(matching) == 1:
        return matching[0]
    if matching:
        ids = ", ".join(sorted(resource.id for resource in matching))
        raise CloudRefused(f"{len(matching)} {noun}s are named {wanted!r}; give the id of one: {ids}")
    raise CloudRefused(f"no {noun} is named {wanted!r}; the project has: {listed(found)}")


def listed(found: Iterable[Resource]) -> str:
    """Names for people, sorted; "none" for none."""
    names = sorted({resource.name or resource.id for resource in found})
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def _ours(cloud: Connection, resource: Network | SecurityGroup) -> bool:
    """Whether it is this project's: an administrator's credentials list those of all projects."""
    return resource.project_id == cloud.current_project_id or bool(resource.is_shared)
