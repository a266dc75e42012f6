"""Whether a session can be moved to another host, where to, and what it leaves behind."""

from collections.abc import Sequence
from datetime import datetime

from pool.errors import NoRoom, NotFound, Refused
from pool.records import Host, Instance
from pool.sessions.admission import shutting_down
from pool.sessions.queue import QueueEntry
from pool.sessions.secrets import sealed_of
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState

#: States of a host with which its containers go, or are gone: nothing is left to be removed from it.
GOES_WITH_ALL = frozenset({HostState.FAILED, HostState.REMOVING, HostState.REMOVED})


def check_can_move(instance: Instance) -> None:
    """Refuse to move a session that does not run, or of which nothing would arrive.

    Raises:
        Refused: it does not run, or its blueprint named nothing to keep when it was asked for; or it was given a secret
            for one use.
    """
    if instance.state is not InstanceState.RUNNING:
        raise Refused(f"instance {instance.id} is {instance.state}: only a session that runs can be moved")
    if not instance.keep.paths:
        raise Refused(
            f"instance {instance.id} keeps nothing that could be taken along: name folders in the field keep of"
            f" blueprint {instance.blueprint}; that counts for sessions that are asked for from then on"
        )
    if sealed_of(instance.options):
        raise Refused(f"instance {instance.id} had a secret for one use, which it could not be given elsewhere")


def can_move(instance: Instance) -> bool:
    """Whether a session could be moved, if another host has room for it."""
    try:
        check_can_move(instance)
    except Refused:
        return False
    return True


def places_elsewhere(
    entry: QueueEntry, hosts: Sequence[Host], settings: PoolSettings, now: datetime, wanted: str = ""
) -> list[str]:
    """List the hosts that a running session can be moved to, best first.

    Args:
        entry: the session, with the hosts that have its image; its lifetime is what is left of its time.
        hosts: of the pool, in any state.
        settings: of the pool.
        now: the moment of asking.
        wanted: name of the host that it is to go to; empty: any but its own.

    Raises:
        NotFound: the pool has no host of this name.
        Refused: the pool shuts down; the session is on that host already, or the host takes no sessions, or lacks the
            image.
        NoRoom: no other host, or not that one, has the room.
    """
    instance = entry.instance
    if settings.shutdown_mode:
        raise shutting_down(settings)
    if wanted:
        _check_target(entry, hosts, wanted)
    others = [host for host in hosts if host.name != instance.host and wanted in ("", host.name)]
    places = entry.places(others, settings, now, old_too=True)
    if not places:
        which = f"host {wanted}" if wanted else f"no other active host of pool {instance.pool}"
        has = "has not" if wanted else "has"
        slots = f"{instance.slots} slot{'s' if instance.slots != 1 else ''}"
        raise NoRoom(f"instance {instance.id} stays on {instance.host}: {which} {has} its image and {slots} free")
    return [host.name for host in places]


def _check_target(entry: QueueEntry, hosts: Sequence[Host], wanted: str) -> None:
    instance = entry.instance
    host = next((one for one in hosts if one.name == wanted), None)
    if host is None:
        raise NotFound(f"pool {instance.pool} has no host {wanted!r}")
    if host.name == instance.host:
        raise Refused(f"instance {instance.id} is on host {wanted} already")
    if host.state is not HostState.ACTIVE:
        raise Refused(f"instance {instance.id} stays on {instance.host}: host {wanted} is {host.state}, not active")


def move_notice(instance: Instance) -> str:
    """Return what a session's platform is told while it is moved; empty: it is not."""
    if instance.state is InstanceState.MOVING:
        return f"it is being moved {instance.reason}"
    return f"it is being moved from {instance.last_host}" if instance.carried else ""


def move_words(instance: Instance, to: str, reason: str) -> str:
    """Say where a session goes, and why, for its history."""
    return f"from {instance.host} to {to}" + (f": {reason}" if reason else "")


def seconds_left(instance: Instance, now: datetime) -> int:
    """Return how long a session may last still; at least one second: whether it is over is housekeeping's to say."""
    return max(1, round((instance.expires_at - now).total_seconds())) if instance.expires_at else 1
