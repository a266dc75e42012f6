"""Which versions of an image sessions run, and where they are."""

from blocks.outside import outside
from pool.blame import IMAGE_GONE
from pool.errors import EngineTrouble
from pool.images.catalogue import usable_versions
from pool.records import BlueprintSpec, Host, Image


def versions_of(blueprint: BlueprintSpec) -> list[Image]:
    """List the versions that sessions of the blueprint may run, best first."""
    versions = outside().store.images.versions(blueprint.pool, blueprint.image)
    return usable_versions(blueprint.image, versions, blueprint.image_digest)


def holders(blueprint: BlueprintSpec) -> list[set[str]]:
    """Names of the hosts that have each of these versions, best version first."""
    return [outside().store.images.hosts_with(version.id) for version in versions_of(blueprint)]


def images_by_host(blueprint: BlueprintSpec) -> dict[str, str]:
    """Return the id of the best version that each host has, by the host's name."""
    images = outside().store.images
    best_last = [(version.id, sorted(images.hosts_with(version.id))) for version in reversed(versions_of(blueprint))]
    return {name: image for image, names in best_last for name in names}


def image_on(host: Host, blueprint: BlueprintSpec) -> str:
    """Id of the best version that the host has.

    Raises:
        EngineTrouble: it has none.
    """
    there = outside().store.images.on_host(host.name)
    found = next((version.id for version in versions_of(blueprint) if version.id in there), None)
    if found is None:
        raise EngineTrouble(f"host {host.name} has no version of the image {blueprint.image} any more", IMAGE_GONE)
    return found
