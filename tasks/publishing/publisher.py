"""Publish what the outbox holds: right after a commit by the process's publisher, by every tick what was missed."""

from collections.abc import Callable

from blocks.outside import log, now, outside
from pool.changes import Audience, Change
from pool.errors import DockerDriverError
from tasks.publishing.platform import write_changed
from tasks.publishing.pool_page import tell_page
from tasks.publishing.visitors import show_notices
from tasks.publishing.webhook import hand_over

#: What one returns that is not None is why its audience is told later; empty: nothing is wrong.
_Tell = Callable[[list[Change]], str | None]
#: Those that are told before all that listen to events hear, in this order; and those that are told afterwards.
_FIRST: dict[Audience, _Tell] = {Audience.VISITORS: show_notices, Audience.PLATFORM: write_changed}
_OTHERS: dict[Audience, _Tell] = {
    Audience.POOL_PAGE: tell_page,
    Audience.WEBHOOK: hand_over,
}


def publish_changes() -> str:
    """Tell every audience what it was not told yet; says whom it could not tell, or nothing.

    An event is claimed before it is emitted: of two publishers, one emits it. All other audiences hear the present
    state of what changed, and the change is marked afterwards: a publisher that dies is followed by another one.

    Pages of visitors come first: a browser that is sent by the answer's link finds what it says. Answers to platforms
    come before the events: a platform that is woken by one reads what it told of.
    """
    troubles = [_publish(audience, tell) for audience, tell in _FIRST.items()]
    _emit_events()
    troubles += [_publish(audience, tell) for audience, tell in _OTHERS.items()]
    return "; ".join(filter(None, troubles))


def _emit_events() -> None:
    for change in outside().store.history.claim_untold():
        outside().prefect.emit(change)


def _publish(audience: Audience, tell: _Tell) -> str:
    history = outside().store.history
    changes = history.unpublished(audience)
    if not changes:
        return ""
    try:
        later = tell(changes)
    except DockerDriverError as error:
        return _left(audience, str(error))
    except Exception as error:  # noqa: BLE001 - telling must not fail the work; the next tick tells again
        log().debug("could not tell the %s", audience, exc_info=True)
        return _left(audience, f"{type(error).__name__}: {error}")
    if later is not None:
        return _left(audience, later) if later else ""
    history.mark_published(audience, [change.id for change in changes], now())
    return ""


def _left(audience: Audience, why: str) -> str:
    log().warning("the %s is told at the next tick: %s", audience, why)
    return f"the {audience} is not told yet: {why}"
