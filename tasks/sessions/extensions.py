"""Extensions that users ask for in the open pages of sessions: the gateway keeps the wishes, a tick fulfils them."""

from datetime import datetime

from blocks.outside import log, now, outside
from pool.open_pages.extending import extended_to
from pool.records import Instance
from tasks.base import look_up, pool_task


@look_up(retries=1, retry_delay_seconds=2)
def extensions_are_wished() -> bool:
    """Whether a user asks for an extension that is due."""
    return bool(_wishes_due())


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="extend sessions whose users ask for it")
def grant_extensions() -> str:
    """Extend the sessions whose users ask for it, as their blueprints allow; says which, or nothing.

    What each may have is looked at again in the transaction that extends it.
    """
    granted = filter(None, (_grant(session, wished_at) for session, wished_at in _wishes_due()))
    names = [session.id for session in granted]
    return f"extended by their users: {', '.join(names)}" if names else ""


def _wishes_due() -> list[tuple[Instance, datetime]]:
    wishes = outside().gateway.wished_extensions()
    sessions = outside().store.instances.of_routes(wishes.keys()) if wishes else []
    return [(one, wishes[one.route]) for one in sessions if extended_to(one, wishes[one.route])]


def _grant(session: Instance, wished_at: datetime) -> Instance | None:
    extended = outside().store.instances.extend_for_user(session.id, wished_at, now())
    if extended is not None:
        log().info("session %s: %s", session.id, extended.reason)
    return extended
