"""Two hosts, alice's session with her work on the first one, and runs that move it to the second and die."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from prefect.client.schemas.objects import State

from blocks.outside import outside
from flows.sessions.move_instance import move_instance
from flows.steps.sessions import start_or_await
from pool.errors import DockerDriverError
from pool.records import Instance
from pool.states import HOLDING_ROOM
from tests.rigs.homes import HomeEngine, HomeFile
from tests.rigs.kept_work import BLUEPRINT, MortalPrefect, World, kept_world
from tests.rigs.pool_data import claim_active


class StartingPrefect(MortalPrefect):
    """Has a session started as soon as that is asked for: a run of its own, which dies with the process as well."""

    async def trigger(self, deployment: str, parameters: dict, key: str, tags: Sequence[str] = ()) -> str:
        if deployment == "provision-instance/on-demand":
            with suppress(DockerDriverError):  # its own run says so
                await start_or_await(outside().store.instances.get(parameters["instance_id"]), BLUEPRINT)
        return await super().trigger(deployment, parameters, key, tags)


@contextmanager
def world_of_two_hosts() -> Iterator[World]:
    """Alice's session runs on main-01, and main-02 has room and the image."""
    with kept_world() as world:
        world.kind = StartingPrefect
        add_host(world, "main-02")
        yield world


def add_host(world: World, name: str) -> None:
    claim_active(world.store, run=f"run-of-{name}")
    world.store.hosts.note(name, address="192.0.2.8")
    world.store.images.mark(name, "sha256:a", world.clock.now())
    world.engines[name] = HomeEngine()


def move(world: World, name: str = "alice-1", **wanted: Any) -> State:
    """A run moves a session, in a process of its own."""

    async def run() -> State:
        return await move_instance.fn(name, **wanted)

    with world.process():
        return asyncio.run(run())


def homes(world: World) -> dict[str, list[str]]:
    """The containers of each host."""
    engines = {"main-01": world.engine} | world.engines
    return {host: sorted(engine.homes) for host, engine in engines.items()}


def work_on(world: World, host: str) -> dict[str, HomeFile]:
    """What alice's session had on a host when its program started."""
    return world.engines[host].homes["dd-alice-1"].started_with


def reserved(world: World) -> dict[str, int]:
    """The slots that each host has given."""
    return {host.name: host.reserved for host in world.store.hosts.all()}


def held(world: World) -> dict[str, int]:
    """The slots that sessions hold on each host, or have reserved there."""
    found = {host.name: 0 for host in world.store.hosts.all()}
    for one in world.store.instances.all(states=HOLDING_ROOM):
        for place in filter(None, (one.placement, one.target)):
            found[place.host] += one.slots
    return found


def same_address(before: Instance, after: Instance) -> bool:
    """Whether its users reach it as before: address, secret and time are the same."""
    names = ("route", "token", "expires_at", "created_at")
    return all(getattr(before, name) == getattr(after, name) for name in names)
