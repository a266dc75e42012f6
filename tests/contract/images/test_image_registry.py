"""Registry mode: the manager puts an image into a registry once, and two hosts pull it from there, over TLS."""

import os

import pytest

from blocks.images.layer_store import LayerStore
from blocks.images.pull import HostPull
from blocks.images.registry import ImageRegistry
from blocks.stored.authority import CertificateAuthority
from blocks.stored.registry_login import RegistryCredentials
from pool.errors import EngineTrouble, Refused
from tests.rigs.engines.kept_images import image_of, kept
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.registry import running_registry
from tests.rigs.engines.tiny_image import tar_of

pytestmark = pytest.mark.contract

LOGIN = RegistryCredentials("reader", "pass-of-a-test")
NAME = "registry.test"
BASE = tar_of({"base": os.urandom(300_000)})


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority.create("test authority")


@pytest.fixture(scope="module")
def hosts(authority):
    with light_host(authority) as first, light_host(authority) as second:
        yield first, second


@pytest.fixture(scope="module")
def registry(authority, hosts, tmp_path_factory):
    """The registry as the first host reaches it, and so do we."""
    issued = authority.issue_server(NAME, hosts[0].gateway, days=1)
    with running_registry(tmp_path_factory.mktemp("registry"), issued, LOGIN) as port:
        address = f"{hosts[0].gateway}:{port}"
        for host in hosts:
            host.trust(address)
        yield ImageRegistry(address, authority.certificate, LOGIN)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return LayerStore(tmp_path_factory.mktemp("store"))


@pytest.fixture
def keep(store, tmp_path):
    return lambda name, *extra: kept(image_of(name, *extra), store, tmp_path)


def pull(host, store, registry, image):
    return HostPull(host.engine, "main-01", store, registry).push(image, [image.name])


def test_hosts_pull_what_the_manager_put_there_once_and_have_it_under_its_id(hosts, store, registry, keep):
    image = keep("lab:1", BASE)
    first, second = (pull(host, store, registry, image) for host in hosts)
    assert first == second
    assert first.skipped == 0 < first.sent
    assert registry.put(image, store) == 0
    for host in hosts:
        host.engine.try_image(image.id)
        with host.engine.client("look") as client:
            assert client.inspect_image(image.id)["RepoTags"] == ["lab:1"]
    assert pull(hosts[0], store, registry, image).sent == 0


def test_of_a_new_version_only_its_own_layer_goes_to_the_registry_and_to_the_host(hosts, store, registry, keep):
    old, new = keep("lab:1", BASE), keep("lab:1", BASE, tar_of({"top": os.urandom(200_000)}))
    pull(hosts[0], store, registry, old)
    assert 200_000 < registry.put(new, store) < 210_000
    sent = pull(hosts[0], store, registry, new)
    assert 200_000 < sent.sent < 210_000
    assert sent.skipped > 300_000
    assert {old.id, new.id} <= hosts[0].engine.image_ids()


def test_a_registry_that_asks_for_a_login_is_not_entered_without(hosts, store, registry, authority, keep):
    stranger = ImageRegistry(registry.address, authority.certificate, RegistryCredentials("reader", "wrong-word"))
    with pytest.raises(Refused, match="refuses the login; check the block in DD_IMAGE_REGISTRY_LOGIN") as refusal:
        stranger.put(keep("lab:2"), store)
    assert "wrong-word" not in str(refusal.value)


def test_a_registry_of_another_authority_is_not_believed(store, registry, keep):
    other = CertificateAuthority.create("another authority")
    with pytest.raises(EngineTrouble, match="certificate verify failed"):
        ImageRegistry(registry.address, other.certificate, LOGIN).put(keep("lab:2"), store)


def test_a_host_that_does_not_trust_the_registry_says_so(hosts, store, registry, keep):
    trusted = hosts[1].root / "certs.d" / registry.address / "ca.crt"
    text = trusted.read_text()
    trusted.unlink()
    try:
        with pytest.raises(EngineTrouble, match="certificate"):
            pull(hosts[1], store, registry, keep("lab:3"))
    finally:
        trusted.write_text(text)


def test_a_registry_that_does_not_answer_is_named(store, authority, keep):
    with pytest.raises(EngineTrouble, match=r"registry 127.0.0.1:1 does not answer"):
        ImageRegistry("127.0.0.1:1", authority.certificate).put(keep("lab:1"), store)


def test_a_manifest_of_another_image_is_not_taken_for_ours(hosts, store, registry, keep, monkeypatch):
    mine, other = keep("lab:4"), keep("lab:5", BASE)
    registry.put(other, store)
    monkeypatch.setattr(registry, "put", lambda *_: 0)
    monkeypatch.setattr("blocks.images.registry.tag_of_id", lambda _: other.id[7:])
    with pytest.raises(EngineTrouble, match="what it pulled is not lab:4"):
        pull(hosts[0], store, registry, mine)
