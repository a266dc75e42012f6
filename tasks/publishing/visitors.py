"""What visitors of a session see while it does not answer: how far it is, or why it ended."""

from collections.abc import Collection
from datetime import timedelta

from blocks.outside import now, outside
from pool.backups.rules import end_saves
from pool.changes import Change, Noun
from pool.printable import how_many
from pool.records import Instance, Notice
from pool.reports.visitor_notices import is_being_saved, notice_of
from pool.states import LIVING_INSTANCES, InstanceState
from tasks.base import look_up, pool_task
from tasks.publishing.current import tell_current
from tasks.sessions.positions import Positions, positions_in

#: What a restarted gateway is told again: the sessions that ended lately, and no more than it has room for.
KEPT, MOST = timedelta(days=1), 2000


def show_notices(changes: list[Change]) -> None:
    """Have the gateway show the notice of each session that changed; and of all that wait in its pool: they move up."""
    sessions = [change for change in changes if change.noun is Noun.INSTANCE]
    changed = outside().store.instances.named({change.subject for change in sessions}) if sessions else {}
    for pool in {change.pool for change in sessions}:
        changed |= {one.id: one for one in outside().store.instances.queue(pool)}
    tell_current(changed.values(), show_current)


def show_current(sessions: Collection[Instance]) -> None:
    """Have the gateway show the notices of sessions, those that wait with their positions."""
    positions: Positions = {}
    for pool in {session.pool for session in sessions if session.state is InstanceState.QUEUED}:
        positions |= positions_in(pool)
    notices = [_notice(session, positions) for session in sessions]
    if shown := [notice for notice in notices if notice]:
        outside().gateway.put_notices(shown)


def _notice(session: Instance, positions: Positions) -> Notice | None:
    if session.id not in positions:
        return notice_of(session, saving=_is_on_its_way(session))
    position = positions[session.id][1]
    return notice_of(session, "", position.position, position.estimate or 0)


def _is_on_its_way(session: Instance) -> bool:
    """Whether the work of a session that is being ended may be on its way into a backup."""
    if not is_being_saved(session):
        return False
    wait = outside().kept_config(session.pool).DD_BACKUP_WAIT  # as the last tick read it: by SQL, not from Prefect
    return end_saves(session, outside().store.backups.of_instance(session.id), wait, now())


@look_up(retries=1, retry_delay_seconds=2)
def notices_are_lost() -> bool:
    """Whether the gateway has no notice at all, though there are sessions that have one."""
    return not outside().gateway.count_notices() and bool(_notices())


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="repair the notices")
def repair_notices() -> str:
    """Give a gateway that lost its memory the notices of sessions again; says how many."""
    notices = _notices()
    outside().gateway.put_notices(notices)
    return f"{how_many(len(notices), 'notice')} for visitors"


def _notices() -> list[Notice]:
    return [notice for instance in _to_be_told() if (notice := _notice(instance, {}))]


def _to_be_told() -> list[Instance]:
    store = outside().store
    waiting = store.instances.all(states=LIVING_INSTANCES - {InstanceState.RUNNING})
    return [*store.instances.ended(now() - KEPT, MOST), *waiting]
