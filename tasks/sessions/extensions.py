"""Extensions that users request in the open pages of sessions: the gateway keeps the requests, a tick grants them."""

from datetime import datetime

from blocks.outside import log, now, outside
from pool.errors import GatewayTrouble
from pool.open_pages.extending import extended_to
from pool.records import Instance
from tasks.base import look_up, pool_task


@look_up(retries=1, retry_delay_seconds=2)
def extensions_are_requested() -> bool:
    """Whether a user has requested an extension that is due."""
    return bool(_due_requests())


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="extend sessions whose users ask for it")
def grant_extensions() -> str:
    """Grant the extensions that users requested, as their blueprints allow; return which, or an empty text.

    Whether one is allowed is checked again in the transaction that extends the session.
    """
    granted = filter(None, (_grant(session, requested_at) for session, requested_at in _due_requests()))
    names = [session.id for session in granted]
    return f"extended by their users: {', '.join(names)}" if names else ""


@look_up()
def grant_late_request(session: Instance) -> bool:
    """Extend a session whose time is over, where its user asked for it just before it is ended; whether it goes on."""
    try:
        requested_at = outside().gateway.requested_extensions().get(session.route)
    except GatewayTrouble as error:  # what is not known keeps no session for ever
        log().warning("whether the user of %s wants it to go on is not known: %s", session.id, error)
        return False
    return requested_at is not None and _grant(session, requested_at) is not None


def _due_requests() -> list[tuple[Instance, datetime]]:
    requests = outside().gateway.requested_extensions()
    sessions = outside().store.instances.of_routes(requests.keys()) if requests else []
    return [(one, requests[one.route]) for one in sessions if extended_to(one, requests[one.route])]


def _grant(session: Instance, requested_at: datetime) -> Instance | None:
    extended = outside().store.instances.extend_for_user(session.id, requested_at, now())
    if extended is not None:
        log().info("session %s: %s", session.id, extended.reason)
    return extended
