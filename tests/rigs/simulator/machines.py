"""What the simulated cloud's servers are: machines that boot, run containers, hang, reboot and vanish."""

from dataclasses import dataclass, field
from datetime import timedelta

from pool.housekeeping.found import ContainerOutcome
from pool.records import ContainerSpec

NEVER = float("inf")


@dataclass
class Container:
    """A container of a session, or of another owner."""

    id: str
    spec: ContainerSpec
    ready_at: float  # from when on the notebook answers
    running: bool = True
    has_run: bool = True
    frozen: bool = False  # it runs, and answers nothing
    work: str = ""  # what its user wrote last
    exit_code: int = 0
    outcome: ContainerOutcome = ContainerOutcome.RUNS

    def end(self, exit_code: int, outcome: ContainerOutcome) -> None:
        self.running, self.frozen, self.exit_code, self.outcome = False, False, exit_code, outcome

    def start(self, at: float) -> None:
        self.running, self.exit_code, self.outcome, self.ready_at = True, 0, ContainerOutcome.RUNS, at + 3
        self.has_run = True

    def freeze(self, frozen: bool) -> None:
        """Have it stand still, or go on."""
        self.frozen = frozen
        self.outcome = ContainerOutcome.FROZEN if frozen else ContainerOutcome.RUNS


@dataclass
class Machine:
    """One server with its operating system. Moments are seconds on the simulation's clock."""

    id: str
    host: str
    pool: str
    address: str
    host_key: str
    built_at: float
    ssh_at: float
    fault: str = ""  # when it is to end in ERROR
    gone_at: float = NEVER
    deleting: bool = False
    hidden_until: float = 0.0  # the cloud does not tell of it
    down_until: float = 0.0  # no power, or no network
    engine_down_until: float = 0.0
    slow_until: float = 0.0  # its engine answers after tens of seconds, or too late
    configured: bool = False
    ways_out: tuple[str, ...] = ()  # of its containers, which there must not be
    free_mb: int = 10_000
    written_mb: dict[str, int] = field(default_factory=dict)  # by session
    clock: timedelta = timedelta()  # what its clock shows, against the first one of the manager
    images: set[str] = field(default_factory=set)
    containers: dict[str, Container] = field(default_factory=dict)
    made: int = 0  # containers so far

    def reachable(self, at: float) -> bool:
        return self.ssh_at <= at < self.gone_at and at >= self.down_until and not self.fault

    def engine_answers(self, at: float) -> bool:
        return self.reachable(at) and self.configured and at >= self.engine_down_until

    def listener(self, port: int) -> Container | None:
        """The running container that has this port of the machine."""
        return next((c for c in self.containers.values() if c.running and c.spec.host_port == port), None)

    def reboot(self, at: float, seconds: float, containers_return: bool) -> None:
        self.down_until = max(self.down_until, at + seconds)
        for container in self.containers.values():
            if not containers_return and container.running:
                container.end(0, ContainerOutcome.STOPPED_WITH_ENGINE)
            elif container.frozen:
                container.freeze(False)  # it is started anew, as one that crashed with its host
            container.ready_at = max(container.ready_at, self.down_until + 3)
