"""What a platform is answered about a session."""

from collections.abc import Sequence
from typing import Any

from blocks.outside import outside
from pool.backups.choosing import own_backups
from pool.errors import DockerDriverError
from pool.records import Host, Instance
from pool.reports.end_notices import end_notice
from pool.reports.visitor_notices import is_being_saved
from pool.sessions.drain import ends_at, notice
from pool.sessions.estimates import QueuePosition
from pool.sessions.moving import move_notice
from pool.sessions.timings import Moments, Phase, seconds_since_accepted
from pool.states import ENDED, InstanceState
from tasks.base import look_up
from tasks.sessions.links import launch_url, session_url
from tasks.sessions.positions import positions_in

#: States in which a link leads somewhere: before it runs, to a page that goes on to the session by itself.
OPENS = frozenset({InstanceState.QUEUED, InstanceState.STARTING, InstanceState.RUNNING, InstanceState.MOVING})
#: Platforms read of a session that is moved that it starts: they know no other state in which a user waits for it.
TOLD_AS = {InstanceState.MOVING: InstanceState.STARTING}


def told_as(instance: Instance) -> InstanceState:
    """Return the state that platforms read."""
    return TOLD_AS.get(instance.state, instance.state)


@look_up()
def answer(instance: Instance) -> dict[str, Any]:
    """Compose the answer to the platform; the same that the publisher leaves as the artifact ``instance-<id>``."""
    positions = positions_in(instance.pool) if instance.state is InstanceState.QUEUED else {}
    return answer_for(instance, positions.get(instance.id, (None, None))[1])


def answer_for(instance: Instance, position: QueuePosition | None = None) -> dict[str, Any]:
    """Compose the answer to the platform for a session as it is now; see `answers_for`."""
    return answers_for([(instance, position)])[0]


def answers_for(sessions: Sequence[tuple[Instance, QueuePosition | None]]) -> list[dict[str, Any]]:
    """Compose the answers to the platform for sessions as they are now, in the same order.

    The launch link in it works once and not for long; `issue-link` makes another. A queued session has its position,
    one that is over when it ended and why: `end_cause` for programs, `reason` for people. `phases` has after how many
    seconds it came through each phase of its start.
    """
    store = outside().store
    hosts = store.hosts.named({instance.host for instance, _ in sessions if instance.host})
    moments = store.timings.of_each([instance.id for instance, _ in sessions])
    return [
        _composed(instance, position, hosts.get(instance.host or ""), moments.get(instance.id, {}))
        for instance, position in sessions
    ]


def _composed(instance: Instance, position: QueuePosition | None, host: Host | None, moments: Moments) -> dict:
    accepted = moments.get(Phase.ACCEPTED)
    ends = ends_at(instance, host)
    return {
        "instance_id": instance.id,
        "user": instance.user,
        "state": str(told_as(instance)),
        "url": session_url(instance),
        "launch_url": launch_url(instance) if instance.state in OPENS else None,
        "expires_at": ends.isoformat() if ends else None,
        "ended_at": instance.ended_at.isoformat() if instance.ended_at else None,
        "host": instance.host,
        "notice": position.notice if position else _notice(instance, host),
        "reason": instance.reason if instance.state in ENDED else "",
        "end_cause": instance.end_cause and str(instance.end_cause),
        "position": position and position.position,
        "estimated_wait": position and position.estimate,
        "accepted_at": accepted.isoformat() if accepted else None,
        "phases": seconds_since_accepted(moments),
    }


def _notice(instance: Instance, host: Host | None) -> str:
    if not is_being_saved(instance):
        return move_notice(instance) or notice(host)
    backups = own_backups(instance, outside().store.backups.of_instance(instance.id))
    return end_notice(instance, backups, _backup_wait(instance.pool)) or notice(host)


def _backup_wait(pool: str) -> int | None:
    """Read how many seconds an end waits; None where the pool's configuration cannot be read: all else is told."""
    try:
        return outside().config(pool).settings(pool).backup_wait
    except DockerDriverError:
        return None
