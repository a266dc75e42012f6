"""The answer to the platform: the artifact ``instance-<id>``, a table of one row."""

from contextlib import suppress

from blocks.outside import outside
from pool.changes import Change, Noun
from pool.errors import NotFound
from pool.records import Instance
from pool.sessions.drain import ends_at, notice
from pool.sessions.estimates import QueuePosition
from pool.states import InstanceState
from tasks.sessions.links import launch_url, session_url
from tasks.sessions.positions import positions_in

#: States in which a link leads somewhere: before it runs, to a page that goes on to the session by itself.
OPENS = frozenset({InstanceState.QUEUED, InstanceState.STARTING, InstanceState.RUNNING})


def write_answers(changes: list[Change]) -> None:
    """Write the answer anew for each session that changed, and for those on a host that drains or returned."""
    sessions = _changed_sessions(changes)
    positions = {pool: positions_in(pool) for pool in {s.pool for s in sessions if s.state is InstanceState.QUEUED}}
    for instance in sessions:
        write_answer(instance, positions.get(instance.pool, {}).get(instance.id, (None, None))[1])


def write_answer(instance: Instance, position: QueuePosition | None = None) -> dict:
    """Write the artifact ``instance-<id>`` and return what is in it."""
    answer = answer_for(instance, position)
    outside().prefect.write_table([answer], key=f"instance-{instance.id}", description=f"Session {instance.id}")
    return answer


def answer_for(instance: Instance, position: QueuePosition | None = None) -> dict:
    """Compose the answer to the platform for a session as it is now.

    The launch link in it works once and not for long; `issue-link` makes another. A queued session has its position.
    """
    host = outside().store.hosts.get(instance.host) if instance.host else None
    ends = ends_at(instance, host)
    return {
        "instance_id": instance.id,
        "state": str(instance.state),
        "url": session_url(instance),
        "launch_url": launch_url(instance) if instance.state in OPENS else None,
        "expires_at": ends.isoformat() if ends else None,
        "host": instance.host,
        "notice": position.notice if position else notice(host),
        "position": position and position.position,
        "estimated_wait": position and position.estimate,
    }


def _changed_sessions(changes: list[Change]) -> list[Instance]:
    store = outside().store
    found: dict[str, Instance] = {}
    for name in {change.subject for change in changes if change.noun is Noun.HOST}:
        running = store.instances.all(states=[InstanceState.RUNNING], host=name)
        found |= {instance.id: instance for instance in running}
    for instance_id in {change.subject for change in changes if change.noun is Noun.INSTANCE}:
        with suppress(NotFound):
            found[instance_id] = store.instances.get(instance_id)
    return list(found.values())
