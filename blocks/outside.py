"""The one door to the outside: an object that holds every port, made once in each process.

Tasks and flows reach the clock, the database, clouds, engines, hosts, the gateway and Prefect through
:func:`outside` alone. A test or the simulator puts another object in its place, as a whole, with :func:`standing_in`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TypeVar

from blocks.backups.downloads import Downloads
from blocks.backups.places import Places
from blocks.backups.repository import BackupRepository
from blocks.backups.restic import ResticRepository
from blocks.certificates import Certificates
from blocks.clouds.chosen import cloud_of
from blocks.clouds.port import Cloud
from blocks.engine.of_host import Engines
from blocks.files.course_files import CourseFiles
from blocks.gateway.all_gateways import gateway_of
from blocks.gateway.client import Gateway
from blocks.gateway.session_probe import answers
from blocks.gateway.settings import GatewaySettings
from blocks.host_setup.setup import HostSetup
from blocks.images.folder import ImageFolder
from blocks.images.layer_store import LayerStore
from blocks.images.transport import ImageTransport
from blocks.kept_files import KeptFiles
from blocks.plots.kept_pictures import KeptPictures
from blocks.prefect.port import PrefectPort
from blocks.publisher import TOGETHER_SECONDS, Publisher
from blocks.settings import ProcessSettings, process_settings
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig
from blocks.system_clock import SystemClock
from blocks.turns import Turns
from blocks.webhooks.webhooks import Webhooks
from pool.errors import NotFound
from pool.ports import Clock
from pool.store.pool_store import PoolStore


@dataclass(frozen=True)
class Outside:
    """Every port of a process. What a field does is told by its class, which a fake subclasses."""

    settings: ProcessSettings
    clock: Clock
    store: PoolStore
    stored: StoredBlocks
    prefect: PrefectPort
    publisher: Publisher
    gateway: Gateway
    engines: Engines
    hosts: HostSetup
    layers: LayerStore
    images: ImageFolder
    transport: ImageTransport
    files: KeptFiles
    certificates: Certificates
    backups: BackupRepository
    downloads: Downloads
    course_files: CourseFiles
    session_answers: Callable[[str, int, str, str], bool] = answers
    turns: Turns = field(default_factory=Turns)
    pictures: KeptPictures = field(default_factory=KeptPictures)
    webhooks: Webhooks = field(default_factory=Webhooks)

    def config(self, pool: str) -> PoolConfig:
        """Read the pool's configuration as it is now; as it was last, of a pool in use whose block is gone.

        Raises:
            NotFound: no pool has this name; the message lists those that exist.
        """
        try:
            return self.stored.config(pool)
        except NotFound:
            kept = self.store.configs.last(pool) if pool in self.store.configs.pools_in_use() else None
            if kept is None:
                raise
            return PoolConfig.of_kept(kept)

    def kept_config(self, pool: str) -> PoolConfig:
        """Return the pool's configuration as its last tick read it, by SQL alone; before the first, the defaults."""
        return PoolConfig.of_kept(self.store.configs.last(pool) or {})

    def pools(self) -> list[str]:
        """List the names of all pools that have a configuration, or hosts or sessions though their block is gone."""
        return sorted({*self.stored.pools(), *self.store.configs.pools_in_use()})

    def cloud(self, pool: str) -> Cloud:
        """Find the cloud that the pool's hosts come from.

        Raises:
            NotFound: there is no such pool or cloud block; the message lists those that exist.
        """
        return cloud_of(self.stored, self.config(pool))

    def close(self) -> None:
        """Close what is open: connections to the database and to engines."""
        self.store.close()
        self.engines.close()


_made: list[Outside] = []
_making = Lock()
_replacement: ContextVar[Outside | None] = ContextVar("outside", default=None)


def outside() -> Outside:
    """Return the ports of this process; of the block, inside of :func:`standing_in`."""
    return _replacement.get() or _of_this_process()


def replace_outside(other: Outside) -> None:
    """Put another object in the place of all ports, for the rest of this context."""
    _replacement.set(other)


Door = TypeVar("Door", bound=Outside)


@contextmanager
def standing_in(other: Door) -> Iterator[Door]:
    """Put another object in the place of all ports, for this context and the threads and tasks that it starts."""
    token = _replacement.set(other)
    try:
        yield other
    finally:
        _replacement.reset(token)


def now() -> datetime:
    """Read the wall clock; rules take the moment as an argument."""
    return outside().clock.now()


def log() -> logging.Logger | logging.LoggerAdapter:
    """Return the logger of the flow or task run that asks."""
    return outside().prefect.log()


def _of_this_process() -> Outside:
    """Return the ports that the present settings name: made anew when the process reads its settings anew."""
    settings = process_settings()
    with _making:
        if not _made or _made[0].settings is not settings:
            _made[:] = [_connect(settings)]
        return _made[0]


def _connect(settings: ProcessSettings) -> Outside:
    stored, clock = StoredBlocks(), SystemClock()
    store = PoolStore.open(settings.pool_database_url, settings.database_wait)
    layers, engines = LayerStore(settings.layers_dir), Engines(stored, settings.engine_url, settings.identity)
    return Outside(
        settings=settings,
        clock=clock,
        store=store,
        stored=stored,
        prefect=PrefectPort(),
        publisher=Publisher(TOGETHER_SECONDS),
        gateway=gateway_of(settings, store.leases.advisory_lock),
        engines=engines,
        hosts=HostSetup(stored, settings.playbooks_dir),
        layers=layers,
        images=ImageFolder(settings.images_dir, layers, engines),
        transport=ImageTransport(layers, stored),
        files=KeptFiles(settings),
        certificates=Certificates(stored),
        backups=ResticRepository(stored, settings.backups_dir, settings.identity, Places(store, clock)),
        downloads=Downloads(settings.downloads_dir, GatewaySettings.given().user, beside=_one_gateway_here(settings)),
        course_files=CourseFiles(settings.courses_dir),
    )


def _one_gateway_here(settings: ProcessSettings) -> bool:
    """Whether every browser comes to the gateway that is beside this process."""
    return not settings.gateway_relays or (len(settings.gateway_relays) == 1 and settings.gateway_socket.exists())
