"""Which flow runs count as work that is under way; and how long each kind of run can take."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: A run of these flows that is still going after so many seconds counts as one that lost its worker: several times what
#: such runs took on slow machines. A start takes as long as its session may, see :func:`longest_start`.
LONGEST_SECONDS = {
    "spawn-host": 1200,
    "configure-host": 3000,
    "bake-host-image": 6000,
    "provision-instance": 600,
    "deprovision-instance": 300,
    "move-instance": 900,  # its backups are seen by their lease
    "distribute-images": 7200,
}
#: Seconds ahead within which a run that is due counts: a worker is about to take it, or a retry pauses before it.
SOON_SECONDS = 60
#: Hosts that one run tries to start a session on, and the seconds on each that are no waiting for the session.
START_ATTEMPTS, START_EXTRA = 2, 240


@dataclass(frozen=True)
class SeenWork:
    """A flow run that has not ended."""

    since: datetime  # in its state; of a running one: when it began, or began again
    due: datetime | None = None  # of one that has not begun: when it will; None: a worker has it


def longest_start(start_timeout: int) -> int:
    """Return the seconds that a run can take to start a session that may take so many to answer."""
    return START_ATTEMPTS * longest_attempt(start_timeout)


def longest_attempt(start_timeout: int) -> int:
    """Return the seconds that it can take on one host."""
    return start_timeout + START_EXTRA


def is_under_way(run: SeenWork, longest: int, now: datetime) -> bool:
    """Whether the run works on its thing, or is about to.

    One that is scheduled for later does not: until then its thing is looked after like any other. Nor does one that has
    gone on for longer than it can: it has lost its worker, and what it left behind must be found.

    Args:
        run: in any state but an end.
        longest: seconds that it can take.
        now: the moment of asking.
    """
    if run.due is not None and run.due > now + timedelta(seconds=SOON_SECONDS):
        return False
    return max(run.since, run.due or run.since) > now - timedelta(seconds=longest)
