"""Worlds in which a pool meets a demand, and what is done and asked there; for every test of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pool.states import HostState, InstanceState
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.invariants import check_always
from tests.rigs.simulator.lives import Lives, settle


@contextmanager
def settling_world(ours: Lives) -> Iterator[EventfulWorld]:
    """A world that must settle after the test, and in which everything must have held.

    No decision depends on what platforms, visitors and operators are told: random lives show that, and it costs half.
    """
    with ours.world(seed=3) as world:
        world.tells = False
        yield world
        settle(world)
        assert world.broken.sentences == {}


def pass_time(world: EventfulWorld, seconds: float) -> None:
    """With a tick each half minute, as in a pool that is not asleep."""
    for _ in range(round(seconds / 100)):
        world.advance(100)
        check_always(world)


def arrive(world: EventfulWorld, users: int) -> None:
    for _ in range(users):
        world.arrive()


def running(world: EventfulWorld) -> int:
    return len(world.store.instances.all(states={InstanceState.RUNNING}))


def sizes(world: EventfulWorld) -> list[int]:
    """Slots of each active host, the largest first."""
    return sorted((host.slots for host in world.store.hosts.all(states={HostState.ACTIVE})), reverse=True)


def free(world: EventfulWorld) -> int:
    """Slots of active hosts that no session holds."""
    return sum(host.free for host in world.store.hosts.all(states={HostState.ACTIVE}))
