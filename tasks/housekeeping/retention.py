"""Forget what nothing needs any more: what is kept for how long stands in docs/retention.md."""

from collections.abc import Callable
from datetime import timedelta

from blocks.outside import log, now, outside
from blocks.prefect.answers import ANSWER_OF
from pool.printable import how_many
from tasks.base import blocking, look_up

#: Completed runs of ticks, of which there are 2880 a day; those that failed are kept as long as all other runs.
TICKS_KEPT = timedelta(hours=3)
#: Since they were written last; as long as flow runs are kept.
ANSWERS_KEPT = timedelta(days=14)
ANSWERS_AT_ONCE = 40  # sessions in one call: each has some five answers, and a call finds 200
ANSWERS_EACH_TIME = 400  # sessions: 57,600 a day
ANSWERS_EVERY, TICK = 600, 30  # s: what is deleted after two weeks need not be looked for at every tick


@look_up(retries=1, retry_delay_seconds=2)
async def forget_old_ticks() -> str:
    """Delete the oldest completed runs of this run's own deployment, where they are old enough; says nothing."""
    await outside().prefect.forget_runs(now() - TICKS_KEPT)
    return ""


@look_up(retries=1, retry_delay_seconds=2)
async def forget_old_answers() -> str:
    """Delete the oldest answers to platforms, of sessions that are over, at one tick in ten minutes; says nothing."""
    if now().timestamp() % ANSWERS_EVERY >= TICK:
        return ""
    old = await outside().prefect.old_tables(ANSWER_OF, now() - ANSWERS_KEPT)
    sessions = [key.removeprefix(ANSWER_OF) for key in old]
    living = await blocking(outside().store.instances.living_among, sessions)
    over = [ANSWER_OF + session for session in sessions if session not in living][:ANSWERS_EACH_TIME]
    for first in range(0, len(over), ANSWERS_AT_ONCE):
        await outside().prefect.delete_tables(over[first : first + ANSWERS_AT_ONCE])
    return ""


@look_up()
def forget_old() -> str:
    """Rotate the gateway's logs, delete old records; says what it did, or nothing.

    One that fails keeps the others from nothing.
    """
    steps = {
        ("log rotated", "logs rotated"): _rotate,
        ("record of sessions deleted", "records of sessions deleted"): _forget_sessions,
        ("record of standbys deleted", "records of standbys deleted"): _forget_standbys,
        ("record of hosts deleted", "records of hosts deleted"): _forget_hosts,
        ("visit deleted", "visits deleted"): _forget_visits,
        ("version of images deleted", "versions of images deleted"): _forget_versions,
        ("expired record of drivers deleted", "expired records of drivers deleted"): _forget_driver_state,
        ("message to users deleted", "messages to users deleted"): _forget_messages,
    }
    counts = {words: _count(words[1], step) for words, step in steps.items()}
    return ", ".join(how_many(count, *words) for words, count in counts.items() if count)


def _count(words: str, step: Callable[[], int]) -> int:
    try:
        return step()
    except Exception:  # noqa: BLE001 - a full disk, a database that is away: the other steps are tried all the same
        log().exception("old things could not be forgotten: %s", words)
        return 0


def _rotate() -> int:
    return len(outside().files.rotate_gateway_logs())


def _forget_sessions() -> int:
    return outside().store.instances.forget(now() - timedelta(days=outside().settings.kept_records_days))


def _forget_standbys() -> int:
    return outside().store.standbys.forget(now() - timedelta(days=outside().settings.kept_records_days))


def _forget_hosts() -> int:
    return outside().store.hosts.forget(now() - timedelta(days=outside().settings.kept_records_days))


def _forget_visits() -> int:
    return outside().store.history.forget_visits(now() - timedelta(days=outside().settings.kept_visits_days))


def _forget_driver_state() -> int:
    return outside().store.driver_state.forget_expired(now())


def _forget_messages() -> int:
    return outside().store.messages.delete_expired(now())


def _forget_versions() -> int:
    stored, images = outside().stored, outside().store.images
    blueprints = stored.blueprints()
    if blueprints.unreadable:  # which version one of them pins is not known
        return 0
    return sum(images.forget_versions(pool, blueprints.pinned(pool)) for pool in stored.pools())
