"""Forget what nothing needs any more: what is kept for how long stands in docs/operating.md."""

from collections.abc import Callable
from datetime import timedelta

from blocks.outside import log, now, outside
from tasks.base import look_up

#: Completed runs of ticks, of which there are 2880 a day; those that failed are kept as long as all other runs.
TICKS_KEPT = timedelta(hours=3)


@look_up(retries=1, retry_delay_seconds=2)
async def forget_old_ticks() -> str:
    """Delete the oldest completed runs of this run's own deployment, where they are old enough; says nothing."""
    await outside().prefect.forget_runs(now() - TICKS_KEPT)
    return ""


@look_up()
def forget_old() -> str:
    """Rotate the gateway's logs, delete old results and old records; says what it did, or nothing.

    One that fails keeps the others from nothing.
    """
    steps = {
        "logs rotated": _rotate,
        "results of flow runs deleted": _drop_results,
        "records of sessions deleted": _forget_sessions,
        "records of hosts deleted": _forget_hosts,
        "visits deleted": _forget_visits,
        "versions of images deleted": _forget_versions,
    }
    counts = {words: _count(words, step) for words, step in steps.items()}
    return ", ".join(f"{count} {words}" for words, count in counts.items() if count)


def _count(words: str, step: Callable[[], int]) -> int:
    try:
        return step()
    except Exception:  # noqa: BLE001 - a full disk, a database that is away: the other steps are tried all the same
        log().exception("old things could not be forgotten: %s", words)
        return 0


def _rotate() -> int:
    return len(outside().files.rotate_gateway_logs())


def _drop_results() -> int:
    return outside().files.drop_results(now() - timedelta(hours=outside().settings.kept_results_hours))


def _forget_sessions() -> int:
    return outside().store.instances.forget(now() - timedelta(days=outside().settings.kept_records_days))


def _forget_hosts() -> int:
    return outside().store.hosts.forget(now() - timedelta(days=outside().settings.kept_records_days))


def _forget_visits() -> int:
    return outside().store.history.forget_visits(now() - timedelta(days=outside().settings.kept_visits_days))


def _forget_versions() -> int:
    stored, images = outside().stored, outside().store.images
    blueprints = stored.blueprints()
    if blueprints.unreadable:  # which version one of them pins is not known
        return 0
    return sum(images.forget_versions(pool, blueprints.pinned(pool)) for pool in stored.pools())
