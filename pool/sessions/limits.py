"""How many sessions there may be at once: of one user and in all, of a pool and by a blueprint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pool.errors import TooManySessions
from pool.records import BlueprintSpec
from pool.settings import PoolSettings
from pool.states import BEGINNING, InstanceState

#: States in which a session counts; one that is being ended makes way for the next at once.
COUNTED = BEGINNING | {InstanceState.RUNNING, InstanceState.MOVING}
SHOWN = 5  # ids of a user's sessions in the refusal


@dataclass(frozen=True)
class SessionLimit:
    """So many sessions at once, at the most, of a pool or by a blueprint; of one user or of all together."""

    most: int
    pool: str | None = None
    blueprint: str | None = None  # one of the two is given
    user: str | None = None  # None: of all users together

    @property
    def scope(self) -> str:
        """Say whose sessions are counted: "pool main", "blueprint rstudio"."""
        return f"pool {self.pool}" if self.pool is not None else f"blueprint {self.blueprint}"

    def check(self, there: Sequence[str]) -> None:
        """Refuse one more session where the limit is reached.

        Args:
            there: ids of the sessions that count, oldest first.

        Raises:
            TooManySessions: "user 'ada' has 2 sessions of pool main (ada-1, ada-2), and may have 2: end one first".
        """
        if len(there) < self.most:
            return
        count = f"{len(there)} session{'s' if len(there) != 1 else ''}"
        if self.user is None:
            raise TooManySessions(f"{self.scope} has {count}, and may have {self.most}: ask again when one has ended")
        shown = ", ".join(there[:SHOWN]) + (", …" if len(there) > SHOWN else "")
        raise TooManySessions(
            f"user {self.user!r} has {count} of {self.scope} ({shown}), and may have {self.most}: end one first"
        )


def limits_of(settings: PoolSettings, blueprint: BlueprintSpec, user: str) -> tuple[SessionLimit, ...]:
    """List the limits that a request must keep, a user's own first. A request for no user has none of those."""
    return tuple(limit for limit in _limits(settings, blueprint, user) if limit.most and limit.user != "")


def _limits(settings: PoolSettings, blueprint: BlueprintSpec, user: str) -> Iterator[SessionLimit]:
    yield SessionLimit(blueprint.max_sessions_per_user, blueprint=blueprint.name, user=user)
    yield SessionLimit(settings.max_sessions_per_user, pool=settings.name, user=user)
    yield SessionLimit(blueprint.max_sessions, blueprint=blueprint.name)
    yield SessionLimit(settings.max_sessions, pool=settings.name)
