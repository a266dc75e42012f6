"""What the manager says to a registry, whichever kind of address that names for the rest of an upload."""

from functools import partial

import httpx
import pytest

from blocks.images.archive import read_archive
from blocks.images.layer_store import LayerStore
from blocks.images.registry import ImageRegistry
from blocks.stored.authority import CertificateAuthority
from pool.records import Image
from tests.rigs.engines.tiny_image import TinyImage, tar_of

pytestmark = pytest.mark.unit

UPLOAD = "/v2/dockerdriver/images/blobs/uploads/one"


class PaperRegistry:
    """Takes everything, and names the rest of an upload as *location*."""

    def __init__(self, location: str):
        self.location = location
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, str(request.url)))
        if request.method == "HEAD":
            return httpx.Response(404)
        return httpx.Response(202 if request.method in ("POST", "PATCH") else 201, headers={"Location": self.location})


@pytest.fixture
def store(tmp_path):
    return LayerStore(tmp_path / "store")


@pytest.fixture
def image(store, tmp_path):
    path = tmp_path / "image.tar"
    path.write_bytes(TinyImage("lab:1", [tar_of({"page": b"here"})]).archive())
    archive = read_archive(path, store)
    store.add(archive)
    return Image("main", archive.names[0], archive.image_id, archive.size, archive.layers)


@pytest.mark.parametrize("location", [UPLOAD, f"https://registry.test:5000{UPLOAD}"], ids=["its path", "all of it"])
def test_an_upload_goes_on_where_the_registry_says(store, image, monkeypatch, location):
    registry = PaperRegistry(f"{location}?_state=abc")
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(registry)))
    authority = CertificateAuthority.create("test authority").certificate
    assert ImageRegistry("registry.test:5000", authority).put(image, store) > 0
    where = f"https://registry.test:5000{UPLOAD}?_state=abc"
    pieces = [url for method, url in registry.asked if method == "PATCH"]
    ends = [url for method, url in registry.asked if method == "PUT" and "uploads" in url]
    assert pieces == [where] * 2
    assert [url.partition("&digest=")[0] for url in ends] == [where] * 2
