"""The record of a standby, and its life cycle: a container that answers already, and has no session yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pool.errors import RefusedMove
from pool.records import Instance, Placement, ProxyOptions
from pool.states import InstanceState

#: Begins the id of each standby. No request can ask for such an id: those of sessions have no point in them.
MARK = "standby."


class StandbyState(StrEnum):
    """Where a standby is in its life."""

    STARTING = "starting"  # holds room on a host; its container may exist
    READY = "ready"  # answers, and waits for a request
    TAKEN = "taken"  # a session has its container, its room and its address
    ENDING = "ending"  # given up; its container is being removed, and it still holds room
    ENDED = "ended"  # nothing of it exists
    FAILED = "failed"  # never answered; nothing of it exists


STANDBY_MOVES: Mapping[StandbyState, frozenset[StandbyState]] = {
    StandbyState.STARTING: frozenset(
        {StandbyState.READY, StandbyState.ENDING, StandbyState.ENDED, StandbyState.FAILED}
    ),
    StandbyState.READY: frozenset({StandbyState.TAKEN, StandbyState.ENDING, StandbyState.ENDED}),
    StandbyState.TAKEN: frozenset(),
    StandbyState.ENDING: frozenset({StandbyState.ENDED, StandbyState.FAILED}),
    StandbyState.ENDED: frozenset(),
    StandbyState.FAILED: frozenset(),
}

#: States in which a standby holds slots on its host.
STANDING = frozenset({StandbyState.STARTING, StandbyState.READY, StandbyState.ENDING})
#: States from which a standby never moves again.
OVER = frozenset(StandbyState) - STANDING


@dataclass(frozen=True)
class Standby:
    """One container that is started ahead."""

    id: str
    pool: str
    blueprint: str
    state: StandbyState
    slots: int
    route: str  # of the session that takes it: its container was started below it
    token: str = field(repr=False)  # likewise
    made_by: str  # digest of that, see `pool.standbys.spec`
    image: str  # id of the version that its host had when it was begun
    created_at: datetime
    state_since: datetime
    placement: Placement | None = None  # while it holds room
    gpus: int = 0  # as in BlueprintSpec
    start_timeout: int = 60  # likewise
    session: str = ""  # id of the one that took it
    reason: str = ""

    @property
    def host(self) -> str | None:
        """Name of the host that it holds room on."""
        return self.placement.host if self.placement else None

    @property
    def made_as(self) -> str:
        """The id that its container was made under, as of a session."""
        return self.id

    @property
    def container(self) -> str:
        """The container's name on its host; the session that takes it keeps the name."""
        return self.as_session().container

    def as_session(self, proxy: ProxyOptions = ProxyOptions()) -> Instance:  # noqa: B008 - frozen
        """Return the session of no user that its container is started, asked and removed as."""
        return Instance(
            id=self.id,
            pool=self.pool,
            blueprint=self.blueprint,
            user="",
            state=InstanceState.STARTING,
            slots=self.slots,
            route=self.route,
            token=self.token,
            created_at=self.created_at,
            state_since=self.state_since,
            placement=self.placement,
            gpus=self.gpus,
            start_timeout=self.start_timeout,
            proxy=proxy,
        )


def check_standby_move(standby_id: str, current: StandbyState, to: StandbyState) -> None:
    """Refuse a move that a standby's life cycle does not allow.

    Raises:
        RefusedMove: "standby.k3 cannot go from taken to ending".
    """
    if to not in STANDBY_MOVES[current]:
        raise RefusedMove(f"{standby_id} cannot go from {current} to {to}")
