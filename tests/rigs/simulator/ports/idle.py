"""The ports by which nothing happens on simulated machines, and time and backups, which happen in virtual time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from blocks.certificates import Certificates
from blocks.kept_files import KeptFiles
from blocks.turns import Turns
from pool.backups.states import BackupTrouble
from pool.hosts.certificates import OperatorsCertificate
from pool.ports import Clock
from tests.rigs.fakes import FakeRepository


class NoTurns(Turns):
    """A simulated thread that waited here would stop them all: they are greenlets of one thread."""

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        yield


class SimulatedRepository(FakeRepository):
    """Backups of simulated sessions: it takes its time, and is away where the world says so."""

    def __init__(self, world: Any) -> None:
        super().__init__()
        self._world = world

    def _meet_trouble(self) -> None:
        self._world.check_open()
        self._world.lag()
        if self._world.time < self._world.repository_down_until:
            raise BackupTrouble("the repository does not answer")


class NoCertificates(Certificates):
    """Nothing of simulated machines runs out."""

    def __init__(self) -> None:
        pass

    def of(self, pool: str) -> list[OperatorsCertificate]:
        return []

    def authority_until(self) -> datetime | None:
        return None


class NoFiles(KeptFiles):
    """Simulated machines write no files."""

    def __init__(self) -> None:
        pass

    def rotate_gateway_logs(self) -> list[str]:
        return []

    def certificate_waits(self, now: datetime) -> bool:
        return False

    def drop_old_results(self, now: datetime) -> int:
        return 0


class SimulatedClock(Clock):
    """Virtual time."""

    def __init__(self, world: Any) -> None:
        self._clock = world.clock

    def now(self) -> datetime:
        return self._clock.now()

    def uptime(self) -> float:
        return self._clock.monotonic()
