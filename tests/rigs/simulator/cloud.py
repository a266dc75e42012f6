"""A cloud that refuses, forgets, hides and ignores."""

from typing import Any

from pydantic import PrivateAttr

from blocks.clouds.port import Cloud, Server, ServerRequest, ServerStatus
from pool.errors import CloudRefused, CloudTrouble
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart
from pool.states import HostState
from tests.rigs.simulator.machines import NEVER, Machine

GIVEN_UP = {HostState.FAILED, HostState.REMOVING, HostState.REMOVED}


class SimulatedCloud(Cloud):
    """Keeps the contract of the port, except for what it is told to get wrong."""

    _block_type_name = "Simulated cloud"
    _block_type_slug = "simulated-cloud"

    _world: Any = PrivateAttr()
    _machines: dict[str, Machine] = PrivateAttr(default_factory=dict)
    _made: int = PrivateAttr(0)
    down_until: float = 0.0
    refuses_until: float = 0.0
    ignores_deletes_until: float = 0.0
    loses_answers: int = 0  # of the next creates: done, and told as failed
    next_faulty: int = 0  # of the next servers: they end in ERROR
    next_mute: int = 0  # of the next servers: ssh never answers
    ways_out: tuple[str, ...] = ()  # of the containers of the next servers

    def in_world(self, world: Any) -> "SimulatedCloud":
        self._world = world
        return self

    @property
    def machines(self) -> dict[str, Machine]:
        """What truly exists."""
        for name in [name for name, machine in self._machines.items() if machine.gone_at <= self._world.time]:
            del self._machines[name]
        return self._machines

    def at(self, address: str | None) -> Machine | None:
        """The machine that has this address now; addresses are used again."""
        return next((machine for machine in self.machines.values() if machine.address == address), None)

    def create(self, request: ServerRequest) -> Server:
        self._world.check_recorded(request.host)
        self._ask()
        if request.host not in self.machines:
            if self._world.time < self.refuses_until:
                raise CloudRefused(f"host {request.host}: the cloud refuses: quota exceeded")
            self._machines[request.host] = self._new(request)
        if self.loses_answers:
            self.loses_answers -= 1
            raise CloudTrouble(f"host {request.host}: the cloud did not answer")
        return self._server(self._machines[request.host])

    def find(self, host: str) -> Server | None:
        self._ask()
        machine = self.machines.get(host)
        return self._server(machine) if machine and machine.hidden_until <= self._world.time else None

    def list_servers(self) -> list[Server]:
        self._ask()
        now = self._world.time
        return [self._server(machine) for machine in self.machines.values() if machine.hidden_until <= now]

    def delete(self, host: str) -> None:  # type: ignore[override]  # see Cloud
        self._world.check_given_up(host, GIVEN_UP)
        self._ask()
        machine = self.machines.get(host)
        if machine and self._world.time >= self.ignores_deletes_until and not machine.deleting:
            machine.deleting = True
            machine.gone_at = self._world.time + self._world.random.choice([0.5, 3, 40, 100])

    def console_log(self, host: str, lines: int = 20) -> str:
        self._ask()
        return "login:"

    def parts(self) -> tuple[CloudPart, ...]:
        return tuple(CloudPart("server", s.id, s.host, s.pool, s.host) for s in self.list_servers())

    def remove_part(self, part: CloudPart) -> None:
        self._world.check_orphan(part.name, GIVEN_UP)  # a server's name is its host's
        self._ask()
        machine = self.machines.get(part.name)
        if machine and machine.id == part.id:
            machine.gone_at = self._world.time

    def image_id(self, image: str) -> str:
        self._ask()
        return f"id of {image}"

    def snapshots(self) -> list[HostImage]:
        self._ask()
        return []

    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:
        raise NotImplementedError("teach the simulated cloud to make images of hosts")

    def delete_snapshot(self, image: HostImage) -> None:
        raise NotImplementedError("teach the simulated cloud to make images of hosts")

    def _ask(self) -> None:
        self._world.lag()
        if self._world.time < self.down_until:
            raise CloudTrouble("the cloud does not answer")

    def _new(self, request: ServerRequest) -> Machine:
        self._made += 1
        built_at = self._world.time + self._world.random.choice([1, 5, 40])
        machine = Machine(
            id=f"server-{self._made}",
            host=request.host,
            pool=request.pool,
            address=self._free_address(),
            host_key=self._world.host_key_of(request.host),
            built_at=built_at,
            ssh_at=NEVER if self.next_mute else built_at + self._world.random.choice([2, 20]),
            fault="no valid host was found" if self.next_faulty else "",
            ways_out=self.ways_out,
        )
        self.next_mute, self.next_faulty = max(0, self.next_mute - 1), max(0, self.next_faulty - 1)
        return machine

    def _free_address(self) -> str:
        taken = {machine.address for machine in self.machines.values()}
        return next(f"10.0.0.{n}" for n in range(1, 250) if f"10.0.0.{n}" not in taken)

    def _server(self, machine: Machine) -> Server:
        return Server(
            id=machine.id,
            host=machine.host,
            pool=machine.pool,
            status=self._status(machine),
            address=machine.address if self._world.time >= machine.built_at else None,
            fault=machine.fault if self._world.time >= machine.built_at else "",
        )

    def _status(self, machine: Machine) -> ServerStatus:
        if machine.deleting:
            return ServerStatus.DELETING
        if self._world.time < machine.built_at:
            return ServerStatus.BUILD
        return ServerStatus.ERROR if machine.fault else ServerStatus.ACTIVE
