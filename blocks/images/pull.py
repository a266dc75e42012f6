"""Having a host's engine pull an image from the pool's registry, where the manager has put it."""

from collections.abc import Callable, Iterable

from blocks.engine.client import HostEngine
from blocks.engine.images import LOAD_SECONDS
from blocks.images.layer_store import LayerStore
from blocks.images.push import EngineTraits, Sent, check_fits, name_by_id, traits_of
from blocks.images.registry import ImageRegistry
from pool.blame import NO_SPACE, blame_for
from pool.errors import DiskFull, EngineTrouble
from pool.images.distribution import missing_layers
from pool.images.engine_names import catalogue_id
from pool.images.names import read_name
from pool.records import Image


class HostPull:
    """Brings images to one engine by way of a registry; to be used like `blocks.images.push.HostPush`.

    Args:
        engine: the host's.
        host: its name, for messages.
        store: where the layers come from.
        registry: that the engine pulls from.
        on_bytes: called with the bytes that came.
    """

    def __init__(
        self,
        engine: HostEngine,
        host: str,
        store: LayerStore,
        registry: ImageRegistry,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._engine, self._host, self._store, self._registry = engine, host, store, registry
        self._on_bytes = on_bytes

    def is_there(self, image: Image) -> bool:
        """Whether the engine has the image already."""
        return image.id in self._engine.image_ids()

    def push(self, image: Image, tags: Iterable[str]) -> Sent:
        """Have the engine hold *image*; it gets these tags if it has to be pulled.

        Raises:
            DiskFull: the host has no room for it.
            EngineTrouble: the engine could not pull it, or does not have it under its id afterwards.
            Refused: the registry does not let us in.
        """
        missing: tuple[str, ...] = ()
        if not self.is_there(image):
            traits = traits_of(self._engine)
            check_fits(self._host, image, self._store.config(image.id), traits)
            missing = missing_layers(image.layers, self._engine.chains())
            with self._store.exclusive("registry"):
                self._registry.put(image, self._store)
            self._pull(image, list(tags), traits)
        came, there = (sum(map(self._store.size, layers)) for layers in (missing, set(image.layers) - set(missing)))
        self._on_bytes(came)
        return Sent(came, there)

    def _pull(self, image: Image, tags: list[str], traits: EngineTraits) -> None:
        repository, tag = self._registry.reference(image)
        pulled = f"{repository}:{tag}"
        login = self._registry.credentials
        auth = {"username": login.username, "password": login.password} if login else None
        with self._engine.client(f"pull the image {image.name}", LOAD_SECONDS) as client:
            events = list(client.pull(repository, tag=tag, auth_config=auth, stream=True, decode=True))
            self._check(image, next((event["error"] for event in events if "error" in event), ""))
            if traits.containerd_store:
                name_by_id(self._engine, image, [pulled])
            seen = client.inspect_image(pulled)
            if catalogue_id(seen["Id"], seen["RepoTags"]) != image.id:
                raise EngineTrouble(f"host {self._host}: what it pulled is not {image.name} as {image.id[:19]}")
            for name in map(read_name, tags):
                client.tag(pulled, name.repository, name.tag)
            if tags or traits.containerd_store:
                client.remove_image(pulled)  # a name too many; the image stays

    def _check(self, image: Image, failure: str) -> None:
        blame = blame_for(None, failure)
        if blame is NO_SPACE:
            raise DiskFull(f"host {self._host}: no room on its disk for the image {image.name}")
        if failure:
            raise EngineTrouble(f"host {self._host}: the engine could not pull {image.name}: {failure}", blame)
