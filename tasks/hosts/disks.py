"""Tasks on the disks of hosts: make room, and prune what nothing needs."""

import re
import shlex
from collections.abc import Callable
from functools import partial

from blocks.engine.client import HostEngine
from blocks.engine.probes.disk import containers_on, data_root, images_on, remove_image
from blocks.host_setup.shell import HostShell
from blocks.outside import log, outside
from pool.errors import EngineTrouble, NotFound, Refused
from pool.hosts.disk import Kind, Leaving, may_go
from pool.images.catalogue import usable_versions
from pool.records import Host
from pool.states import BEGINNING, InstanceState
from tasks.base import pool_task

SECONDS = 20
PERCENT = re.compile(r"(\d{1,3})%\s*\Z")


@pool_task(task_run_name="make room on the disk of {host.name}")
def make_room(host: Host) -> bool:
    """Remove what no session needs, oldest first, until the disk is below ``DD_HOST_DISK_MARK`` percent.

    Returns:
        False where it is not: new images had better not come. A disk that cannot be looked at counts as roomy.
    """
    try:
        return _make_room(host, outside().config(host.pool).DD_HOST_DISK_MARK)
    except Exception as error:  # noqa: BLE001 - an answer of no form that we know is this host's alone, too
        log().warning("could not read disk usage of %s: %s", host.name, error)
        return True


def _make_room(host: Host, mark: int) -> bool:
    if not host.host_key:
        return True  # its sshd was not met yet
    engine = outside().engines.of(host)
    with outside().hosts.shell(host) as shell:
        percent = partial(used_percent, shell, data_root(engine))
        if percent() < mark:
            return True  # as nearly always: what could go need not be known
        forget = partial(outside().store.images.unmark, host.name)
        return clean(engine, percent, mark, removable(host, engine), forget)


def used_percent(shell: HostShell, folder: str) -> int:
    """How full the disk is that holds this folder of the host: df prints a heading, then "  42%".

    Raises:
        EngineTrouble: df knows no percentage: of some file systems it prints "-".
    """
    said = shell.run(f"df --output=pcent {shlex.quote(folder)}", SECONDS)
    percent = PERCENT.search(said)
    if not percent:
        raise EngineTrouble(f"df says of {folder} {said.strip()[-40:]!r}, which is no percentage")
    return int(percent[1])


def removable(host: Host, engine: HostEngine) -> list[Leaving]:
    """What may go from the host, in order."""
    containers = containers_on(engine, outside().settings.identity)
    ended = over_among({one.instance for one in containers if one.instance})
    return may_go(images_on(engine), containers, needed_images(host.pool), ended, outside().store.images.version_ids())


def over_among(labels: set[str]) -> set[str]:
    """Those of these ids, of containers' labels, that no session and no standby has a container under any more."""
    return outside().store.instances.ended_among(labels) | outside().store.standbys.over_among(labels)


def needed_images(pool: str) -> set[str]:
    """Ids of images that the pool offers, that blueprints pin, and that sessions on their way may run."""
    coming = outside().store.instances.all(pool, BEGINNING | {InstanceState.MOVING})
    wanted = outside().stored.pinned_versions(pool) | {
        _wanted(blueprint) for blueprint in {one.blueprint for one in coming}
    }
    return {image.id for image in outside().store.images.offered(pool)} | {
        image_id for name, pin in wanted for image_id in _ids(pool, name, pin)
    }


def _wanted(blueprint: str) -> tuple[str, str]:
    try:
        spec = outside().stored.blueprint(blueprint)
    except Refused:  # it is gone or cannot be read: its sessions will be told so
        return "", ""
    return spec.image, spec.image_digest


def _ids(pool: str, name: str, pin: str) -> list[str]:
    try:
        return [version.id for version in usable_versions(name, outside().store.images.versions(pool, name), pin)]
    except NotFound:
        return []


def clean(
    engine: HostEngine,
    percent: Callable[[], int],
    mark: int,
    leaving: list[Leaving],
    forget: Callable[[str], None] = lambda _: None,
) -> bool:
    """Remove one thing after the other until the disk is below the mark; whether it is.

    Args:
        engine: the host's.
        percent: how full its disk is now.
        mark: the percent to stay below.
        leaving: what may go, in order.
        forget: told the id of an image before it goes, so that no session is sent after it.
    """
    images = {image.id: image for image in images_on(engine)}
    for one in leaving:
        if percent() < mark:
            return True
        if one.kind is Kind.CONTAINER:
            engine.remove(one.id)
        else:
            forget(one.id)
            remove_image(engine, images[one.id])
        log().info("removed %s", one.why)
    return percent() < mark
