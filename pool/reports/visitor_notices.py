"""What visitors of a session are told while it does not answer: why, in words that name no host and no address."""

from pool.records import Instance, Notice
from pool.states import InstanceState

QUEUED = "Looking for a place on one of the hosts."
STARTING = "A place was found; its container is being started."
#: How the reason of a session that ended begins, and what its visitors are told.
WHY_ENDED = (
    ("its user shut it down", "It was shut down from inside."),
    ("its container was removed", "Its container was removed."),
    ("its time was over", "Its time was over."),
    ("idle for", "It was not used for a while."),
    ("nobody used it", "It was not used for a while."),  # of sessions that an earlier version ended
    ("asked for", "It was ended by the application that started it."),
    ("the drain of its host", "The machine that it ran on was taken out of service."),
    ("its host", "The machine that it ran on was lost."),
    ("it was to stop, and its host", "The machine that it ran on was lost."),
)
SHUTDOWN, SHUT_DOWN = "is in shutdown mode", "The service is being shut down and starts no more sessions."
OUT_OF_MEMORY = "It needed more memory than it may have."


def notice_of(instance: Instance, words: str = "", position: int = 0, estimate_seconds: int = 0) -> Notice | None:
    """Return the notice for a session as it is now; None for one that runs.

    Args:
        instance: the session.
        words: how far it is, when more is known than its state.
        position: of a queued one, its place in the queue, 1 for the next; 0: not known. The page says it by itself.
        estimate_seconds: of a queued one, how long until it gets its place; 0: not known.
    """
    asked = instance.created_at.timestamp()
    if instance.state is InstanceState.RUNNING:
        return None
    if instance.state is InstanceState.QUEUED:
        return Notice(instance.route, "queued", words or QUEUED, asked, position, estimate_seconds)
    if instance.state is InstanceState.STARTING:
        return Notice(instance.route, "starting", words or STARTING, asked)
    return Notice(instance.route, "ended", _why(instance), instance.state_since.timestamp())


def _why(instance: Instance) -> str:
    for beginning, words in WHY_ENDED:
        if instance.reason.startswith(beginning):
            return words
    if "out of memory" in instance.reason:
        return OUT_OF_MEMORY
    if instance.reason.startswith("its container"):
        return "Its program ended by itself."
    if SHUTDOWN in instance.reason:
        return SHUT_DOWN
    if instance.expires_at is None:
        full = " is full" in instance.reason  # also of one that waited in vain
        return "There was no room for it." if full else "It could not be started."
    return "It could not go on."
