"""Sending an image to a host's engine: only the layers that it lacks, over the connection that is verified anyway."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from blocks.engine.client import HostEngine
from blocks.engine.probes.disk import CONTAINERD_STORE
from blocks.images.layer_store import LayerStore
from blocks.images.push_archive import compose
from blocks.images.stream import Compression
from pool.blame import BAD_IMAGE, NO_SPACE
from pool.errors import DiskFull, EngineTrouble
from pool.images.distribution import Throttle, missing_layers
from pool.images.engine_names import REPOSITORY, tag_of_id
from pool.images.platforms import runs_on
from pool.records import Image

ZSTD_API = (1, 45)  # of Docker 26.1, the oldest engine that was seen to load layers packed with zstd


class Bandwidth:
    """One limit for all pushes of a distribution together."""

    def __init__(self, megabytes_per_second: float = 0) -> None:
        self._limit = megabytes_per_second * 1e6
        self._pace = Throttle(self._limit)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._limit)

    @property
    def megabytes_per_second(self) -> float:
        """What may pass now; 0: no limit."""
        return self._pace.bytes_per_second / 1e6

    def share(self, part: float) -> None:
        """From now on take this part of the limit, 0 to 1: other distributions have the rest."""
        with self._lock:
            self._pace.bytes_per_second = self._limit * part

    def wait_for(self, size: int) -> None:
        """Sleep until *size* bytes may go; not at all where there is no limit (0)."""
        with self._lock:
            seconds = self._pace.wait_for(size, time.monotonic())
        if seconds:
            time.sleep(seconds)


@dataclass(frozen=True)
class Sent:
    """What one push came to, in bytes as they travel."""

    sent: int = 0
    skipped: int = 0  # of layers that were there


@dataclass(frozen=True)
class EngineTraits:
    """What an engine loads."""

    compression: Compression  # of layers
    containerd_store: bool  # which calls an image by the digest of a manifest, not of its config
    processor: str = ""  # "x86_64"; empty: it does not say


def traits_of(engine: HostEngine) -> EngineTraits:
    """Ask an engine what it is. Nothing needs to be remembered: a host that was installed anew answers anew."""
    with engine.client("say what it is") as client:
        info, api = client.info(), client.api_version
    status, processor = info.get("DriverStatus") or [], info.get("Architecture") or ""
    compression = Compression.ZSTD if tuple(map(int, api.split("."))) >= ZSTD_API else Compression.GZIP
    containerd = any(CONTAINERD_STORE in str(value) for _, value in status)
    return EngineTraits(compression, containerd, processor)


def check_fits(host: str, image: Image, config: bytes, traits: EngineTraits) -> None:
    """Refuse to bring an image to an engine that could not run it.

    Raises:
        EngineTrouble: it is made for another processor; or the engine could not tell that the config is another one.
    """
    if traits.containerd_store and f"sha256:{hashlib.sha256(config).hexdigest()}" != image.id:
        words = f"the config that is kept of image {image.name} is not {image.id[:19]}"
        raise EngineTrouble(f"host {host}: {words}", BAD_IMAGE)
    made_for = str(json.loads(config).get("architecture") or "")
    if not runs_on(made_for, traits.processor):
        words = f"image {image.name} is made for {made_for}, the host is {traits.processor}"
        raise EngineTrouble(f"host {host}: {words}", BAD_IMAGE)


def name_by_id(engine: HostEngine, image: Image, loaded: Iterable[str]) -> None:
    """Give what an engine loaded the name that holds the image's id, if its layers are the image's.

    For engines that keep images in containerd's store. The name comes last: an image whose loading broke off may have
    all its other names there, and lack layers.
    """
    with engine.client(f"compare the image {image.name}") as client:
        for name in list(loaded)[:1]:
            if tuple(client.inspect_image(name)["RootFS"].get("Layers") or ()) == image.layers:
                client.tag(name, REPOSITORY, tag_of_id(image.id))


class HostPush:
    """Brings images to one engine, one after the other. Called again after a failure, it starts where that stands.

    Args:
        engine: the host's.
        host: its name, for messages.
        store: where the layers come from.
        bandwidth: the limit that all hosts share.
        on_bytes: called with the size of every piece that was sent.
    """

    def __init__(
        self,
        engine: HostEngine,
        host: str,
        store: LayerStore,
        bandwidth: Bandwidth | None = None,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._engine, self._host, self._store = engine, host, store
        self._bandwidth, self._on_bytes = Bandwidth() if bandwidth is None else bandwidth, on_bytes
        self._sent = 0
        self._whole = False  # the engine has refused a partial archive

    def push(self, image: Image, tags: Iterable[str]) -> Sent:
        """Have the engine hold *image*; it gets these tags if it has to be sent.

        Raises:
            DiskFull: the host has no room for it.
            EngineTrouble: the engine could not run it, refused it, or does not have it under its id afterwards.
            HostUnreachable: the engine does not answer, or the connection broke.
            NotFound: the layer store lacks a layer.
        """
        before = self._sent
        layers: tuple[str, ...] = ()
        if not self.is_there(image):
            with self._store.reading():
                layers = self._send(image, list(tags))
            self._verify(image)
        there = set(image.layers) - set(layers)
        return Sent(self._sent - before, sum(map(self._store.size, there)))

    def is_there(self, image: Image) -> bool:
        """Whether the engine has the image already."""
        return image.id in self._engine.image_ids()

    def _send(self, image: Image, tags: list[str]) -> tuple[str, ...]:
        """Send what is missing, and answer which layers that were."""
        traits, every = traits_of(self._engine), missing_layers(image.layers, present=())
        check_fits(self._host, image, self._store.config(image.id), traits)
        whole = self._whole or traits.containerd_store  # which takes nothing else
        missing = every if whole else missing_layers(image.layers, self._engine.chains())
        try:
            loaded = self._load(image, tags, missing, traits.compression)
        except EngineTrouble as refusal:
            if refusal.blame is NO_SPACE:
                raise DiskFull(f"host {self._host}: no room on its disk for the image {image.name}") from refusal
            if missing == every:
                raise
            loaded = self._load(image, tags, every, traits.compression)
            self._whole, missing = True, every
        if traits.containerd_store:
            name_by_id(self._engine, image, loaded)
        return missing

    def _load(self, image: Image, tags: list[str], layers: Iterable[str], compression: Compression) -> list[str]:
        files = ((diff_id, self._store.packed(diff_id, compression)) for diff_id in layers)  # while others are sent
        pieces = compose(image, tags, self._store.config(image.id), files)
        return self._engine.load(self._paced(pieces))

    def _paced(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._bandwidth.wait_for(len(piece))
            yield piece
            self._sent += len(piece)
            self._on_bytes(len(piece))

    def _verify(self, image: Image) -> None:
        if not self.is_there(image):
            raise EngineTrouble(f"host {self._host}: image {image.name} was sent but is not there as {image.id[:19]}")
