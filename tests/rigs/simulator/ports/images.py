"""Images of a simulated installation, and their way to its hosts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from blocks.engine.client import HostEngine
from blocks.engine.of_host import Engines
from blocks.images.archive import ArchiveInfo
from blocks.images.folder import ImageFolder
from blocks.images.layer_store import LayerStore, Usage
from blocks.images.push import Bandwidth, HostPush
from blocks.images.stream import Compression
from blocks.images.transport import ImageTransport
from blocks.stored.pool_config import PoolConfig
from tests.rigs.simulator import engines as simulated


class SimulatedLayers(LayerStore):
    """Holds every layer at once."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    def add(self, archive: ArchiveInfo) -> int:
        return 0

    def holds(self, image_id: str, layers: Iterable[str]) -> bool:
        return True

    def size(self, diff_id: str) -> int:
        return 1

    def kept_size(self, diff_id: str) -> int:
        return 1000

    def usage(self) -> Usage:
        return Usage(0, 0)

    def collect(self, wanted: Callable[[], Any]) -> int:
        return 0


class SimulatedImages(ImageFolder):
    """One archive, from the beginning."""

    def __init__(self, layers: LayerStore, engines: Engines) -> None:
        super().__init__(Path("/nowhere"), layers, engines)

    def scan(self) -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
        archive = ArchiveInfo(
            Path("/nowhere/jupyter.tar"), ("jupyter",), "sha256:aa", ("sha256:bb",), 1000, Compression.NONE
        )
        return [archive], []

    def stamps(self) -> dict[str, str]:
        return {"jupyter.tar": "1000-1"}

    def stamp(self, archive: ArchiveInfo) -> str:
        return self.stamps()[archive.path.name]

    def holds(self, name: str) -> bool:
        return name in self.stamps()


class SimulatedTransport(ImageTransport):
    """Takes the image to the machine at once, or in half a minute."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def to(
        self, engine: HostEngine, host: str, config: PoolConfig, bandwidth: Bandwidth, on_bytes: Callable[[int], None]
    ) -> HostPush:
        assert isinstance(engine, simulated.SimulatedEngine)
        return simulated.SimulatedPush(self._world, engine)
