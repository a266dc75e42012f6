"""An OCI registry that a pool's hosts pull from: the manager puts each image there once, out of the layer store."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import httpx

from blocks.images.layer_store import LayerStore
from blocks.images.stream import CHUNK, Compression
from blocks.stored.registry_login import RegistryCredentials
from pool.errors import EngineTrouble, Refused
from pool.images.engine_names import REPOSITORY, tag_of_id
from pool.records import Image

SECONDS = httpx.Timeout(60, connect=10)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
COMPACT = (",", ":")


class ImageRegistry:
    """One registry, over TLS.

    Args:
        address: "registry.example:5000", as hosts reach it, too.
        authority_certificate: PEM; trusted beside the authorities that the machine trusts.
        credentials: for a registry that asks for a login.
    """

    def __init__(
        self, address: str, authority_certificate: str, credentials: RegistryCredentials | None = None
    ) -> None:
        self.address = address
        self.credentials = credentials
        self._authority = authority_certificate

    def reference(self, image: Image) -> tuple[str, str]:
        """Repository and tag that hosts pull the image by."""
        return f"{self.address}/{REPOSITORY}", tag_of_id(image.id)

    def put(self, image: Image, store: LayerStore) -> int:
        """Have the registry hold the image; what it has already is not sent.

        Returns:
            Bytes of layers that were sent.

        Raises:
            Refused: the registry does not let us in.
            EngineTrouble: it does not answer, or would not take it.
            NotFound: the layer store lacks a layer.
        """
        with self._client() as client:
            if _there(client, f"manifests/{tag_of_id(image.id)}"):
                return 0
            return _put_image(client, image, store)

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        login = (self.credentials.username, self.credentials.password) if self.credentials else None
        base = f"https://{self.address}/v2/{REPOSITORY}/"
        trust = _trust(self._authority)
        try:
            with httpx.Client(base_url=base, auth=login, verify=trust, timeout=SECONDS, trust_env=False) as client:
                yield client
        except httpx.HTTPStatusError as error:
            raise _refusal(self.address, error.response) from error
        except httpx.HTTPError as error:
            raise EngineTrouble(f"registry {self.address} does not answer: {error}") from error


@lru_cache(maxsize=8)
def _trust(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=certificate)
    return context


def _refusal(address: str, response: httpx.Response) -> Exception:
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return Refused(f"registry {address} refuses the login; check the block in DD_IMAGE_REGISTRY_LOGIN")
    return EngineTrouble(f"registry {address} answered {response.status_code} to {response.request.method}")


def _there(client: httpx.Client, what: str) -> bool:
    answer = client.head(what, headers={"Accept": MANIFEST})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return False
    answer.raise_for_status()
    return True


def _put_image(client: httpx.Client, image: Image, store: LayerStore) -> int:
    with store.reading():
        config, sent, layers = store.config(image.id), 0, list[dict[str, str | int]]()
        for diff_id in image.layers:
            path = store.packed(diff_id, Compression.GZIP)
            digest, size = _digest(path), path.stat().st_size
            layer: dict[str, str | int] = {"mediaType": LAYER, "size": size, "digest": digest}
            if layer not in layers and not _there(client, f"blobs/{digest}"):
                _put_blob(client, digest, _pieces(path))
                sent += size
            layers.append(layer)
    _put_blob(client, image.id, iter([config]))
    described = {"mediaType": CONFIG, "size": len(config), "digest": image.id}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
    text, kind = json.dumps(manifest, separators=COMPACT, sort_keys=True), {"Content-Type": MANIFEST}
    client.put(f"manifests/{tag_of_id(image.id)}", content=text, headers=kind).raise_for_status()
    return sent


def _put_blob(client: httpx.Client, digest: str, pieces: Iterator[bytes]) -> None:
    """Open an upload, send it in one stream, and name its digest, which the registry compares."""
    opened = client.post("blobs/uploads/").raise_for_status()
    kind = {"Content-Type": "application/octet-stream"}
    sent = client.patch(_location(opened), content=pieces, headers=kind).raise_for_status()
    client.put(_location(sent).copy_merge_params({"digest": digest})).raise_for_status()


def _location(response: httpx.Response) -> httpx.URL:
    """Where the upload goes on. Registries may leave out their name; the client would put its base before that."""
    return response.url.join(response.headers["Location"])


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
