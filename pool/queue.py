"""Who waits for room, and in which order: first come, first served."""

from collections.abc import Iterable

from pool.records import Instance
from pool.states import InstanceState


def in_line(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Those that wait for room, first come first.

    One that had room and lost it, because its host failed it, keeps its place: the place is the moment of the request.
    """
    waiting = (instance for instance in instances if instance.state is InstanceState.QUEUED)
    return tuple(sorted(waiting, key=lambda instance: (instance.created_at, instance.id)))
