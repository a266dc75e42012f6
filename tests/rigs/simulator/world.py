"""One simulated installation: what happens to it, and what time does to it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from random import Random
from traceback import format_exception
from typing import Self

from blocks.outside import replace_outside
from blocks.stored.blueprint import Blueprint
from blocks.stored.host_keys import HostKey
from blocks.stored.pool_config import PoolConfig
from pool.changes import Change
from pool.errors import NotFound
from pool.housekeeping.found import ContainerOutcome
from pool.records import ContainerSpec, Instance
from pool.standbys.standby import MARK, Standby
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.rigs.simulator import clock
from tests.rigs.simulator.clock import Clock, VirtualLoop
from tests.rigs.simulator.cloud import SimulatedCloud
from tests.rigs.simulator.gateway import SimulatedGateway
from tests.rigs.simulator.machines import Container, Machine
from tests.rigs.simulator.ports import stored
from tests.rigs.simulator.ports.outside import all_flows, simulated_outside
from tests.rigs.simulator.runs import PrefectServer, current_verb
from tests.rigs.simulator.secrets import Secrets

TICK_SECONDS = 30


class Closed(BaseException):
    """The world is over: what still runs is to do nothing."""


@dataclass
class Broken:
    """What did not hold, each once, in the order in which it was seen."""

    def __post_init__(self) -> None:
        self.sentences: dict[str, str] = {}

    def add(self, sentence: str, error: BaseException | None = None) -> None:
        self.sentences.setdefault(sentence, "".join(format_exception(error)) if error else "")


class World:
    """A pool, its cloud, its gateway and its Prefect. Everything in it follows from the seed and from what is done."""

    def __init__(self, store: PoolStore, seed: int) -> None:
        self.random = Random(seed)
        self.clock, self.store, self.closed = Clock(), store, False
        self.loop = VirtualLoop(self.clock)
        self.broken = Broken()
        self.secrets = Secrets(self.broken)
        self.cloud = SimulatedCloud().in_world(self)
        self.gateway = SimulatedGateway(self)
        self.prefect = PrefectServer(self, all_flows())
        self.config = PoolConfig(
            DD_MAX_HOSTS=3,
            DD_FREE_SLOT_TARGET=2,
            DD_HOST_FLAVOR_SLOTS_SMALL=3,
            DD_HOST_FLAVOR_SLOTS_LARGE=6,
            DD_HOST_LIFETIME=7200,
            DD_MAX_HOST_ERRORS=3,
        )
        small = Blueprint(image="jupyter", port=8888, lifetime=3600, start_timeout=20, auth_header="token {token}")
        large = Blueprint(image="jupyter", port=8888, lifetime=900, slots=2, start_timeout=20, idle_timeout=600)
        kept = Blueprint(image="jupyter", port=8888, lifetime=3600, start_timeout=20, keep=["/home"], keep_every=1200)
        blueprints = {"small": small, "large": large, "kept": kept}
        self.stored = stored.stored_blocks(self.config, self.cloud, blueprints, self.private_key())
        self.most_hosts = self.config.DD_MAX_HOSTS  # ever allowed
        self.host_keys = 0
        self.engines_lose_answers = 0  # of the next containers to be started
        self.next_playbooks_fail = 0
        self.next_containers_exit = 0
        self.next_containers_mute = 0
        self.repository_down_until = 0.0
        self.written: dict[str, str] = {}  # by session: what its user wrote last
        self.tells = True  # platforms, visitors and operators; a life in which none is told costs half
        self.tick_every: float = TICK_SECONDS
        self.sessions: list[str] = []
        self._context = Context()
        self._context.run(replace_outside, simulated_outside(self))
        self.outside(self._tick_for_ever())

    # Time

    @property
    def time(self) -> float:
        """Seconds since the beginning, on a clock that no process sets."""
        return self.clock.elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass; in a long quiet time, housekeeping comes round less often, as with a slow worker."""
        self.tick_every = max(TICK_SECONDS, seconds / 5)
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def lag(self) -> None:
        """What every call to the outside takes."""
        self.check_open()
        clock.wait(self.random.choice([0.001, 0.005, 0.02, 0.2]))

    def wait(self, seconds: float) -> None:
        """Block the calling thread."""
        self.check_open()
        clock.wait(seconds)

    def outside(self, coroutine: Coroutine) -> asyncio.Task:
        """Run something that is a part of no process, and so is never killed."""
        return self.loop.create_task(coroutine, context=self._context.copy())

    async def _tick_for_ever(self) -> None:
        last = -self.tick_every
        while True:
            if self.time >= last + self.tick_every:
                last = self.time
                self.prefect.start("housekeep/scheduled", {"pool": ""})
            await asyncio.sleep(TICK_SECONDS)

    # The end

    def check_open(self) -> Self:
        if self.closed:
            raise Closed
        return self

    def close(self) -> None:
        self.closed = True
        with suppress(BaseException):
            self._context.copy().run(self.loop.bury)  # what cleans up meets the closed world, and nothing real

    # What the fakes ask, and what is watched while it happens

    def new_host_key(self) -> HostKey:
        self.host_keys += 1
        return stored.a_host_key(self.host_keys, self.private_key())

    def private_key(self) -> str:
        self.secrets.keys.append(f"PRIVATE-{self.random.getrandbits(100):x}")
        return self.secrets.keys[-1]

    def host_key_of(self, host: str) -> str | None:
        return self.store.hosts.get(host).host_key

    @property
    def a_token(self) -> str:
        return self.secrets.tokens[-1]

    def hear(self, change: Change) -> None:
        self.secrets.check("an event", f"{change}", routes_too=True)

    def spoil(self, container: Container) -> None:
        """Let a container that was just made turn out bad, if one is to."""
        if self.next_containers_exit:
            self.next_containers_exit -= 1
            container.end(1, ContainerOutcome.FAILED)
        elif self.next_containers_mute:
            self.next_containers_mute -= 1
            container.ready_at = float("inf")

    def check_recorded(self, host: str) -> None:
        """2: before the cloud is asked for a server, its record says so."""
        with suppress(NotFound):
            if self.store.hosts.get(host):
                return
        self.broken.add(f"2: a server is made for {host}, which no record knows")

    def check_given_up(self, host: str, states: set[HostState]) -> None:
        """3: a server is deleted only when its record says that it should be gone."""
        try:
            state = self.store.hosts.get(host).state
        except NotFound:
            self.broken.add(f"3: the server of {host}, which no record knows, is deleted")
            return
        if state not in states:
            self.broken.add(f"3: the server of {host} is deleted while its record says {state}")

    def check_orphan(self, host: str, states: set[HostState]) -> None:
        """3: nothing is swept that a living record speaks of."""
        with suppress(NotFound):
            if (state := self.store.hosts.get(host).state) not in states:
                self.broken.add(f"3: what {host} has in the cloud is swept while its record says {state}")

    def check_gone(self, host: str) -> None:
        """4: a host is removed when its server is gone; or when the cloud says so, which may be a lie."""
        machine = self.cloud.machines.get(host)
        if machine and machine.hidden_until <= self.time:
            self.broken.add(f"4: {host} is removed, and its server exists")

    def check_may_run(self, spec: ContainerSpec, host: str) -> None:
        """2: before a container is made, its session, or standby, is on record, and was given that host."""
        owner = self.owner_of(spec.name)
        if isinstance(owner, Standby) and owner.host is None:  # over, and where it was is not kept
            return
        if host not in (owner.host, getattr(owner, "last_host", None)):
            self.broken.add(f"2: {spec.name} is started on {host}, where its session never had a place")

    def owner_of(self, container: str) -> Instance | Standby:
        """The session or the standby that a container was made for, by its name."""
        name = container.removeprefix("dd-")
        if not name.startswith(MARK):
            return self.store.instances.get(name)
        standby = self.store.standbys.get(name)
        return self.store.instances.get(standby.session) if standby.session else standby

    def check_may_remove(self, name: str, host: str, machine: Machine) -> None:
        """3: no other owner's container is removed."""
        if name in machine.containers and not name.startswith("dd-"):
            self.broken.add(f"3: container {name} on {host} is removed, which is not ours")

    def check_may_withdraw(self, route: str) -> None:
        """9: bringing the gateway back in order takes no running session's route away."""
        running = {session.route for session in self.store.instances.all(states=[InstanceState.RUNNING])}
        if current_verb.get() == "repair_routes" and route in running:
            self.broken.add("9: repairing the routes took one of a running session away")
