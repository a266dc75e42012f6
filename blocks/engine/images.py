"""The images of a host's Docker Engine: which are there, layer by layer, and how one is loaded."""

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager

import docker

from blocks.engine.connection import Connections
from pool.blame import blame_for
from pool.errors import EngineTrouble
from pool.images.distribution import chain_ids
from pool.images.engine_names import catalogue_id

LOAD_SECONDS = 900  # an engine may unpack a large layer for minutes without a word
STALL_SECONDS = 60  # without taking a byte, after which a load is given up
NOT_UNPACKED = "Error unpacking image"  # begins a line of a load that otherwise went well, with containerd's store


class EngineImages:
    """What an engine says of its images, and does to load one."""

    _connections: Connections

    @abstractmethod
    def client(self, step: str, timeout: float = 60) -> AbstractContextManager[docker.APIClient]:
        """Lend the SDK's client for one step."""

    def image_ids(self) -> set[str]:
        """Ids ("sha256:…") that all images that are there have in catalogues."""
        with self.client("list its images") as client:
            return {catalogue_id(image["Id"], image["RepoTags"] or ()) for image in client.images(all=True)}

    def chains(self) -> set[str]:
        """Chain ids ("sha256:…") of all layers of all images that are there."""
        with self.client("list its layers") as client:
            return {chain for image in client.images() for chain in _chains_of(client, image["Id"])}

    def load(self, archive: Iterable[bytes]) -> list[str]:
        """Stream an image archive, plain or gzip, into the engine; nothing is kept in memory or on disk here.

        Returns:
            What the engine says it loaded: "name:tag", or ids of images without a name.

        Raises:
            EngineTrouble: the engine refused it (disk full, a layer that is not what the config names).
        """
        with self.client("load an image", LOAD_SECONDS) as client:
            # The first counts for sending too: a busy disk may stall it.
            client.timeout = STALL_SECONDS, LOAD_SECONDS  # type: ignore[assignment]  # requests takes a pair
            events = list(client.load_image(iter(archive)))
        return self._loaded(events)

    def _loaded(self, events: list[dict]) -> list[str]:
        lines = [line for event in events for line in event.get("stream", "").splitlines()]
        failures = [event.get("error") or event.get("message") for event in events]
        failures += [line for line in lines if line.startswith(NOT_UNPACKED)]
        if failure := next(filter(None, failures), None):
            words = f"the engine refused to load an image: {failure}"
            raise EngineTrouble(f"host {self._connections.host}: {words}", blame_for(None, failure))
        return [line.split(": ", 1)[1] for line in lines if line.startswith("Loaded image")]


def _chains_of(client: docker.APIClient, image_id: str) -> list[str]:
    return chain_ids(client.inspect_image(image_id)["RootFS"].get("Layers") or [])
