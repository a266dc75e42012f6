"""Who stands where in the queue of a pool."""

from blocks.outside import now, outside
from pool.records import Instance
from pool.sessions.estimates import QueuePosition, queue_positions
from pool.states import LIVING_INSTANCES

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
    positions = queue_positions(queue, store.hosts.recent(pool, now()), sessions, settings, now())
    return {instance.id: (instance, positions[instance.id]) for instance in queue}
