"""Who stands where in the queue of a pool."""

from dataclasses import replace

from blocks.outside import now, outside
from pool.courses.course import reserved_words
from pool.records import Instance
from pool.sessions.estimates import QueuePosition, queue_positions
from pool.states import LIVING_INSTANCES
from tasks.courses.courses import kept_room, reservations_of

#: By the id of one that waits: its record, and where it stands.
Positions = dict[str, tuple[Instance, QueuePosition]]


def positions_in(pool: str) -> Positions:
    """The queue of a pool and the position of each session in it, by id, the next one first."""
    store = outside().store
    queue = store.instances.queue(pool)
    if not queue:
        return {}
    sessions = store.instances.all(pool, LIVING_INSTANCES)
    settings = outside().config(pool).settings(pool)
    hosts = store.hosts.recent(pool, now())
    kept = kept_room(reservations_of(pool, hosts, settings), pool, hosts)
    seen = [kept.as_seen(host, "") for host in hosts]  # room that is kept for a course is none of the others'
    positions = queue_positions(queue, seen, sessions, settings, now())
    reserved = reserved_words(kept.courses, sessions, now())
    return {one.id: (one, _told(positions[one.id], "" if kept.course_of(one) else reserved)) for one in queue}


def _told(position: QueuePosition, reserved: str) -> QueuePosition:
    return replace(position, notice="; ".join(filter(None, (position.notice, reserved))))
