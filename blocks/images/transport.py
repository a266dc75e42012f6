"""How images reach a host's engine: sent by the manager, or pulled from the registry that the pool names."""

from collections.abc import Callable

from blocks.engine.client import HostEngine
from blocks.images.layer_store import LayerStore
from blocks.images.pull import HostPull
from blocks.images.push import Bandwidth, HostPush
from blocks.images.registry import ImageRegistry
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.pool_config import PoolConfig


class ImageTransport:
    """Chooses the way."""

    def __init__(self, layers: LayerStore, stored: StoredBlocks) -> None:
        self._layers, self._stored = layers, stored

    def to(
        self,
        engine: HostEngine,
        host: str,
        config: PoolConfig,
        bandwidth: Bandwidth,
        on_bytes: Callable[[int], None],
    ) -> HostPush | HostPull:
        """Return the way to a host under its pool's configuration; *on_bytes* is called with the bytes that went."""
        if not config.DD_IMAGE_REGISTRY:
            return HostPush(engine, host, self._layers, bandwidth, on_bytes)
        login = self._stored.registry_login(config.DD_IMAGE_REGISTRY_LOGIN, config.DD_IMAGE_REGISTRY, of_pool=True)
        registry = ImageRegistry(config.DD_IMAGE_REGISTRY, self._stored.authority().trusted, login)
        return HostPull(engine, host, self._layers, registry, on_bytes)
