"""What several publishers tell of one session ends as what the session is."""

from collections.abc import Callable, Collection

from blocks.outside import outside
from pool.records import Instance


def tell_current(sessions: Collection[Instance], tell: Callable[[Collection[Instance]], None]) -> None:
    """Tell of sessions as they are now, and again of those that changed while they were told of.

    The publishers of several processes, and ticks, tell of one session at once. One that read it earlier may be heard
    later, and what it told would stay: so each looks afterwards, and tells again what is no longer so.

    Args:
        sessions: as they were read just now.
        tell: writes what they are over what was told before.
    """
    while sessions:
        tell(sessions)
        present = outside().store.instances.named({session.id for session in sessions})
        sessions = [now for session in sessions if (now := present.get(session.id, session)) != session]
