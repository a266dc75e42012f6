"""What visitors of a session are told while it does not answer: why, in words that name no host and no address."""

from pool.backups.rules import has_work
from pool.records import Instance, Notice
from pool.states import EndCause, InstanceState

QUEUED = "Looking for a place on one of the hosts."
STARTING = "A place was found; its container is being started."
MOVING = "What is kept of it is being saved; it goes on on another machine in a moment."
MOVED = "What was kept of it is being brought to another machine."
WAITS_MOVED = "It has left its machine with what was kept of it, and waits for a place on another one."
#: What the visitors of a session that ended are told.
WHY_ENDED = {
    EndCause.REQUESTED: "It was ended by the application that started it.",
    EndCause.SHUT_DOWN_INSIDE: "It was shut down from inside.",
    EndCause.EXPIRED: "Its time was over.",
    EndCause.IDLE: "It was not used for a while.",
    EndCause.DRAINED: "The machine that it ran on was taken out of service.",
    EndCause.HOST_LOST: "The machine that it ran on was lost.",
    EndCause.HOST_REBOOTED: "The machine that it ran on was restarted, and it could not be started again.",
    EndCause.CONTAINER_REMOVED: "Its container was removed.",
    EndCause.PROGRAM_ENDED: "Its program ended by itself.",
    EndCause.OUT_OF_MEMORY: "It needed more memory than it may have.",
    EndCause.DISK_FILLED: "It had written so much that the machine that it ran on had no room left.",
    EndCause.POOL_SHUT_DOWN: "The service is being shut down and starts no more sessions.",
    EndCause.NO_ROOM: "There was no room for it.",
    EndCause.NOT_STARTED: "It could not be started.",
}
#: Of a session without a cause: one that an earlier version ended, or that was found stopping.
ENDED = "It could not go on."
SAVED = "What is kept of it is being saved."


def notice_of(
    instance: Instance, words: str = "", position: int = 0, estimate_seconds: int = 0, saving: bool = True
) -> Notice | None:
    """Return the notice for a session as it is now; None for one that runs.

    Args:
        instance: the session.
        words: how far it is, when more is known than its state.
        position: of a queued one, its place in the queue, 1 for the next; 0: not known. The page says it by itself.
        estimate_seconds: of a queued one, how long until it gets its place; 0: not known.
        saving: of one that is being ended, whether its work may still be on its way into a backup.
    """
    asked, moves = instance.created_at.timestamp(), instance.state_since.timestamp()
    if instance.state is InstanceState.RUNNING:
        return None
    if instance.state is InstanceState.QUEUED:
        usual = WAITS_MOVED if instance.carried else QUEUED
        return Notice(instance.route, "queued", words or usual, asked, position, estimate_seconds)
    if instance.state is InstanceState.MOVING:
        return Notice(instance.route, "moving", words or MOVING, moves)
    if instance.state is InstanceState.STARTING and instance.carried:
        return Notice(instance.route, "moving", words or MOVED, moves)
    if instance.state is InstanceState.STARTING:
        return Notice(instance.route, "starting", words or STARTING, asked)
    return Notice(instance.route, "ended", why_ended(instance, saving), moves)


def is_being_saved(instance: Instance) -> bool:
    """Whether a session is being ended, and may have work that is saved first."""
    return instance.state is InstanceState.STOPPING and has_work(instance)


def why_ended(instance: Instance, saving: bool = True) -> str:
    """Say why a session ended, or ends; and that its work is being saved, as long as it is."""
    why = WHY_ENDED.get(instance.end_cause, ENDED) if instance.end_cause else ENDED
    return f"{why} {SAVED}" if saving and is_being_saved(instance) else why
