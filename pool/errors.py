"""What can go wrong, as sentences for people.

The message of every error here is one clear sentence that names the thing and, where there is something to do, what to
do. It becomes the state message of a flow run, so it never holds a secret.
"""

from pool.blame import HOSTS_OWN, NO_SPACE, UNREACHABLE, Blame


class DockerDriverError(Exception):
    """Something went wrong and the message says what, in one sentence."""


class Refused(DockerDriverError):
    """The request cannot be met, and asking again in the same way will not help."""


class BadRequest(Refused):
    """A parameter is not of the form it must have."""


class NotFound(Refused):
    """The named pool, host, instance, blueprint or image does not exist."""


class RefusedMove(Refused):
    """A life cycle does not allow this move; nothing was changed."""


class VersionConflict(Refused):
    """A record has another version than the one that it was to be changed from; nothing was changed."""


class UnreadableState(DockerDriverError):
    """What a driver stored is not of the type that its reader asks for."""


class NoRoom(Refused):
    """No active host has the slots that were asked for."""


class TooManySessions(Refused):
    """A limit on the number of sessions, of one user or in all, is reached."""


class ShuttingDown(Refused):
    """The pool is in shutdown mode."""


class BrokenArchive(Refused):
    """An image archive is truncated, hostile or not an image archive at all."""


class CloudRefused(Refused):
    """The cloud will not do this however often it is asked (unknown flavor, no permission, quota)."""


class CloudTrouble(DockerDriverError):
    """The cloud did not do it this time; it may do it the next."""


class DatabaseAway(DockerDriverError):
    """The pool's database did not answer in all the time that a call waits for it; what it holds is as it was."""


class WorkAway(DockerDriverError):
    """What a session left on its last host cannot be read now; it stays starting, and a later tick starts it."""


class HostUnreachable(DockerDriverError):
    """Nothing answers at the host's address, or what answers is not the host."""

    blame = UNREACHABLE


class HostDistrusted(HostUnreachable):
    """Host and manager do not take each other's certificate: expired, of another authority, or a clock is off."""


class ContainerGetsOut(DockerDriverError):
    """A container of the host reaches what no session may reach: the host must not serve."""


class PlaybookFailed(DockerDriverError):
    """The playbook ended with a failed task, or could not reach the host."""


class EngineTrouble(DockerDriverError):
    """A host's Docker Engine refused or failed; its blame says whose fault that is, and what follows."""

    blame = HOSTS_OWN

    def __init__(self, message: str, blame: Blame | None = None) -> None:
        """Keep the blame; what was not judged is the host's own trouble, which may pass."""
        super().__init__(message)
        if blame:
            self.blame = blame


class DiskFull(EngineTrouble, Refused):
    """A host's disk has no room for an image; it takes none until there is."""

    blame = NO_SPACE


class GatewayTrouble(DockerDriverError):
    """The gateway did not take a change of its routes."""


class WebhookTrouble(DockerDriverError):
    """A platform's webhook did not take what it was told; it is told again."""


class SessionNotReady(DockerDriverError):
    """The container runs, but the notebook in it did not answer in time, or stopped."""
