"""Which work is begun at which point."""

from collections.abc import Callable, Mapping

from pool.store.pool_store import PoolStore
from tests.reliability.points import BACK_UP, END, MOVE, PROVISION, RESTORE, STAND_BY, TICK, Point, Scene
from tests.reliability.scenes import burst, kept, standby, together
from tests.reliability.works import PLAIN, Work
from tests.rigs.stacks.stack import Stack

Begins = Callable[[Stack, PoolStore], Work]

WORKS: Mapping[Scene, Mapping[str, Begins]] = {
    Scene.PLAIN: PLAIN,
    Scene.KEPT: {END: kept.End, PROVISION: kept.Start, BACK_UP: kept.BackUp, RESTORE: kept.Restore},
    Scene.MOVING: {MOVE: kept.Move, PROVISION: kept.Move},
    Scene.BURST: {PROVISION: burst.Provision, STAND_BY: burst.Begin},
    Scene.STANDBYS: {
        PROVISION: standby.Provision,
        END: standby.End,
        TICK: standby.Begin,
        STAND_BY: standby.Begin,
    },
    Scene.TOGETHER: {PROVISION: together.Provision},
    Scene.FROZEN: {PROVISION: standby.ProvisionFrozen, STAND_BY: standby.BeginFrozen},
}


def work_at(point: Point) -> Begins:
    """What is begun so that a run comes to the point."""
    return WORKS[point.scene][point.pipeline]
