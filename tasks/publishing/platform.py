"""The answer to the platform: the artifact ``instance-<id>``, the newest version of which is what the session is."""

from collections.abc import Collection
from typing import Any

from blocks.outside import outside
from blocks.prefect.answers import ANSWER_OF, Answer
from pool.changes import Change, Noun
from pool.records import Instance
from pool.states import BEGINNING, InstanceState
from tasks.publishing.current import tell_current
from tasks.sessions.answers import answers_for, told_as
from tasks.sessions.positions import positions_in


def write_changed(changes: list[Change]) -> None:
    """Write the answer anew for each session that changed, and for those on a host that drains or returned."""
    tell_current(_changed_sessions(changes), write_answers)


def write_answers(sessions: Collection[Instance]) -> None:
    """Write the artifact ``instance-<id>`` of each session; first of those that wait, with their positions.

    Of a burst they are told within a second that they wait; what starts is told of once more when it runs.
    """
    sessions = sorted(sessions, key=lambda session: session.state is not InstanceState.QUEUED)
    positions = {pool: positions_in(pool) for pool in {s.pool for s in sessions if s.state is InstanceState.QUEUED}}
    standing = [positions.get(session.pool, {}).get(session.id, (None, None))[1] for session in sessions]
    rows = answers_for([*zip(sessions, standing, strict=True)])
    outside().prefect.write_answers([_answer(session, row) for session, row in zip(sessions, rows, strict=True)])


def _answer(instance: Instance, row: dict[str, Any]) -> Answer:
    words = f"Session {instance.id}: {told_as(instance)}"
    return Answer(ANSWER_OF + instance.id, words, row, instance.state in BEGINNING)


def _changed_sessions(changes: list[Change]) -> list[Instance]:
    store = outside().store
    found: dict[str, Instance] = {}
    for name in {change.subject for change in changes if change.noun is Noun.HOST}:
        running = store.instances.all(states=[InstanceState.RUNNING], host=name)
        found |= {instance.id: instance for instance in running}
    changed = {change.subject for change in changes if change.noun is Noun.INSTANCE}
    return list((found | (store.instances.named(changed) if changed else {})).values())
