"""The Docker Engine of each simulated machine, and what else is asked of a machine: ssh, the playbook, a session."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Self

import docker

from blocks.engine.client import HostEngine
from blocks.engine.containers.state import FROZEN, ContainerState
from blocks.host_setup.playbook import PlaybookReport, PlaybookRun
from blocks.host_setup.shell import HostShell
from blocks.images.push import HostPush, Sent
from pool import marks
from pool.backups.inventory import Inventory
from pool.blame import CONTAINER_GONE, IMAGE_GONE, PORT_TAKEN
from pool.errors import EngineTrouble, HostUnreachable, PlaybookFailed
from pool.housekeeping.found import ContainerOutcome, Probe, SeenContainer
from pool.records import ContainerSpec, Host, Image, KeptWork
from tests.rigs.homes import HomeFile, files_of, tar_of_home
from tests.rigs.simulator.machines import Container, Machine

PING_SECONDS, STEP_SECONDS = 5, 60


class SimulatedEngine(HostEngine):
    """What answers at an address is the machine that has it now, as over TLS."""

    def __init__(self, world: Any, host: str, address: str | None) -> None:
        self._world, self._host, self._address = world, host, address

    def client(self, step: str, timeout: float = STEP_SECONDS) -> AbstractContextManager[docker.APIClient]:
        raise NotImplementedError(f"teach the simulated engine to {step}")

    def ping(self, timeout: float = PING_SECONDS) -> None:
        self.machine("answer a ping", timeout)

    def image_ids(self) -> set[str]:
        return set(self.machine("list its images").images)

    def try_image(self, image_id: str) -> None:
        if image_id not in self.machine("run a test container").images:
            raise EngineTrouble(f"host {self._host}: no image {image_id}", IMAGE_GONE)

    def run(self, spec: ContainerSpec, created: Callable[[], None] = lambda: None, prepared: str = "") -> str:
        self._world.check_may_run(spec, self._host)
        machine = self.machine(f"run container {spec.name}")
        found = machine.containers.get(spec.name)
        if prepared:
            if not found or found.id != prepared:
                raise EngineTrouble(f"host {self._host}: {spec.name}, which was made ready, is gone", CONTAINER_GONE)
        elif not found or not _stays(found, spec):
            found = self._new(machine, spec)
        created()
        self._begin(machine, found)
        self._may_lose_the_answer()
        return found.id

    def prepare(self, spec: ContainerSpec) -> str:
        self._world.check_may_run(spec, self._host)
        machine = self.machine(f"make container {spec.name} ready")
        found = machine.containers.get(spec.name)
        return "" if found and _stays(found, spec) else self._new(machine, spec).id

    def start(self, name: str) -> None:
        found = self._found(f"start container {name}", name)
        if not found.running:
            found.start(self._world.time)
        elif found.frozen:
            found.freeze(False)

    def freeze(self, name: str) -> None:
        found = self._found(f"freeze container {name}", name)
        if not found.running:
            raise EngineTrouble(f"host {self._host}: container {name} is not running", CONTAINER_GONE)
        found.freeze(True)
        self._may_lose_the_answer()

    def thaw(self, name: str) -> None:
        found = self.machine(f"thaw container {name}").containers.get(name)
        if found and found.frozen:
            found.freeze(False)
            self._may_lose_the_answer()

    def stop(self, name: str, seconds: int) -> bool:
        found = self.machine(f"stop container {name}").containers.get(name)
        if found and found.running:
            found.end(0, ContainerOutcome.SHUT_DOWN)
        return bool(found)

    def read_files(self, container: str, path: str) -> Iterator[bytes] | None:
        found = self._found(f"read files of {container}", container)
        return iter([tar_of_home({"home/work": HomeFile(found.work.encode())}, "home")])

    def list_files(self, container: str, keep: KeptWork) -> tuple[Inventory, datetime] | None:
        """It cannot."""
        self._found(f"list files of {container}", container)
        return None

    def write_files(self, container: str, tar: Iterable[bytes]) -> None:
        files = files_of(tar)
        self._found(f"write files of {container}", container).work = files["home/work"].content.decode()

    def look(self) -> Probe:
        """What housekeeping sees of the engine, see ``blocks.engine.probes.probe``."""
        try:
            machine = self.machine("say what it runs", PING_SECONDS)
        except HostUnreachable as error:
            return Probe(answers=False, trouble=str(error))
        seen = tuple(_seen(container) for container in machine.containers.values())
        return Probe(True, seen, clock_ahead=(machine.clock - self._world.clock.jumped).total_seconds())

    def find(self, name: str) -> ContainerState | None:
        found = self.machine(f"look for container {name}").containers.get(name)
        return _state(found) if found else None

    def containers(self, labels: Mapping[str, str]) -> list[ContainerState]:
        found = self.machine("list its containers").containers.values()
        return [_state(container) for container in found if _carries(container.spec.labels, labels)]

    def remove(self, name: str) -> None:
        machine = self.machine(f"remove container {name}")
        self._world.check_may_remove(name, self._host, machine)
        machine.containers.pop(name, None)

    def logs(self, name: str, lines: int = 100) -> str:
        """What a container says holds its own token, as JupyterLab's does."""
        self.machine(f"read the log of container {name}")
        owner = self._world.owner_of(name)
        return f"http://localhost:8888/notebooks/{owner.route}/?token={owner.token}"

    def dated_logs(self, name: str, lines: int, since: int = 0) -> str:
        return "2026-01-01T00:00:00.000000000Z " + self.logs(name, lines)

    def machine(self, step: str, timeout: float = STEP_SECONDS) -> Machine:
        """The machine at its address, if its engine answers."""
        self._world.lag()
        machine = self._world.cloud.at(self._address)
        if machine and self._world.time < machine.slow_until:
            self._world.wait(min(timeout, self._world.random.choice([2, 20, 90])))
        if not machine or not machine.engine_answers(self._world.time):
            self._world.wait(min(timeout, PING_SECONDS))
            raise HostUnreachable(f"host {self._host}: did not {step}: no answer within {timeout} s")
        return machine

    def _may_lose_the_answer(self) -> None:
        if self._world.engines_lose_answers:
            self._world.engines_lose_answers -= 1
            raise HostUnreachable(f"host {self._host}: the connection broke")

    def _found(self, step: str, container: str) -> Container:
        """By name or id."""
        for name, found in self.machine(step).containers.items():
            if container in (name, found.id):
                return found
        raise EngineTrouble(f"host {self._host}: no such container: {container}", CONTAINER_GONE)

    def _new(self, machine: Machine, spec: ContainerSpec) -> Container:
        """One that does not run yet, in the place of any that has its name."""
        if spec.image not in machine.images:
            raise EngineTrouble(f"host {self._host}: no such image", IMAGE_GONE)
        machine.containers.pop(spec.name, None)
        machine.made += 1
        container = Container(f"{machine.id}/{spec.name}/{machine.made}", spec, 0, running=False, has_run=False)
        machine.containers[spec.name] = container
        return container

    def _begin(self, machine: Machine, container: Container) -> None:
        if container.running:
            container.freeze(False)
            return
        if machine.listener(container.spec.host_port):
            raise EngineTrouble(f"host {self._host}: port {container.spec.host_port} is already allocated", PORT_TAKEN)
        container.start(self._world.time)
        container.ready_at = self._world.time + self._world.random.choice([0.5, 3, 8])
        self._world.spoil(container)


def _seen(container: Container) -> SeenContainer:
    name, instance = container.spec.name, container.spec.labels[marks.INSTANCE]
    return SeenContainer(name, instance, container.outcome, container.exit_code)


def _stays(found: Container, spec: ContainerSpec) -> bool:
    return found.has_run and found.spec == spec


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


def _status(container: Container) -> str:
    if container.running:
        return FROZEN if container.frozen else "running"
    return "exited" if container.has_run else "created"


def _state(container: Container) -> ContainerState:
    return ContainerState(
        id=container.id,
        name=container.spec.name,
        image=container.spec.image,
        status=_status(container),
        exit_code=container.exit_code,
        labels=container.spec.labels,
    )


class SimulatedShell(HostShell):
    """ssh to a machine: it must have the key that was recorded."""

    def __init__(self, world: Any, host: Host) -> None:
        self._world, self._host = world, host

    def wait_for_ssh(self, timeout_seconds: float, say: Callable[[str], None] | None = None) -> None:
        deadline = self._world.time + timeout_seconds
        while not _logs_in(self._world, self._host.address, self._host.host_key):
            if self._world.time >= deadline:
                raise HostUnreachable(f"host {self._host.name}: no ssh within {timeout_seconds} s")
            self._world.wait(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read_mark(self) -> str:
        """The mark of a host that booted from a baked image; none does here."""
        self._world.lag()
        if not _logs_in(self._world, self._host.address, self._host.host_key):
            raise HostUnreachable(f"host {self._host.name}: ssh does not answer")
        return ""


def _logs_in(world: Any, address: str | None, host_key: str | None) -> Machine | None:
    machine = world.cloud.at(address)
    return machine if machine and machine.reachable(world.time) and machine.host_key == host_key else None


def run_playbook(world: Any, run: PlaybookRun) -> PlaybookReport:
    """A minute or five of configuring."""
    world.wait(world.random.choice([20, 90, 300]))
    machine = _logs_in(world, run.address, run.host_key)
    if not machine:
        raise HostUnreachable(f"host {run.host}: ssh did not answer")
    if world.next_playbooks_fail:
        world.next_playbooks_fail -= 1
        raise PlaybookFailed(f"host {run.host}: playbook failed at 'install the engine': no package")
    machine.configured, machine.clock = True, world.clock.jumped
    return PlaybookReport(ok=40, changed=30, failed=0, seconds=60.0)


def answers(world: Any, address: str, port: int) -> bool:
    """Whether a session answers; whose it is cannot be seen from outside."""
    world.lag()
    machine = world.cloud.at(address)
    listener = machine and machine.reachable(world.time) and machine.listener(port)
    return bool(listener) and not listener.frozen and world.time >= listener.ready_at


class SimulatedPush(HostPush):
    """Sends images."""

    def __init__(self, world: Any, engine: SimulatedEngine) -> None:
        self._world, self._to = world, engine

    def push(self, image: Image, tags: Iterable[str]) -> Sent:
        self._to.machine("load an image")
        self._world.wait(self._world.random.choice([1, 30]))
        self._to.machine("load an image").images.add(image.id)
        return Sent()
