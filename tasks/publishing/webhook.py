"""Tell a platform's webhook of each change of its sessions: in order, at least once, and never in the way of work."""

import os
from collections.abc import Sequence
from datetime import timedelta
from socket import gethostname

from blocks.outside import log, now, outside
from blocks.stored.change_webhook import ChangeWebhook
from pool.changes import Audience, Change, Noun
from pool.errors import WebhookTrouble
from pool.reports.webhooks import message_of

LEASE = "webhook"
AT_ONCE = 20  # changes that are posted before they are marked: so many may be told again after a process was killed
LEASE_SECONDS = 300  # longer than they take, each with two limits of five seconds
OLDEST = timedelta(days=1)  # what a receiver did not take for so long is not told


def hand_over(_changes: Sequence[Change]) -> str | None:
    """Have a thread of its own send what the webhook was not told; says what is wrong with it, or nothing.

    Returns:
        None where there is no webhook: nothing is left to be told.
    """
    if outside().stored.webhook() is None:
        return None
    outside().webhooks.wake(send_changes)
    return outside().webhooks.trouble


def send_changes() -> None:
    """Post each change that the webhook was not told of, oldest first, until one is not taken; one process at once."""
    door, holder = outside(), f"process {os.getpid()} of {gethostname()}"
    hook = door.stored.webhook()
    if (
        hook is None
        or door.webhooks.is_pausing(now())
        or door.store.leases.take(LEASE, holder, LEASE_SECONDS, now()) is not None
    ):
        return
    try:
        while changes := door.store.history.unpublished(Audience.WEBHOOK, AT_ONCE):
            door.store.leases.take(LEASE, holder, LEASE_SECONDS, now())
            _send(hook, changes)
    except WebhookTrouble as trouble:
        log().warning("%s; it is told again", trouble)
    finally:
        door.store.leases.drop(LEASE, holder)


def _send(hook: ChangeWebhook, changes: Sequence[Change]) -> None:
    """Post these, and mark those that were taken, or that no webhook is told."""
    door, done = outside(), list[int]()
    try:
        for change in changes:
            if change.noun is Noun.INSTANCE and change.at > now() - OLDEST:
                door.webhooks.post(hook.url, hook.keys(), message_of(change, door.settings.identity), now())
            done.append(change.id)
    finally:
        door.store.history.mark_published(Audience.WEBHOOK, done, now())
