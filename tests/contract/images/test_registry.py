"""Pulling from a registry: Debian's docker-registry on loopback, open and with a login."""

import pytest

from blocks.engine.client import HostEngine
from blocks.images.archive import read_archive
from blocks.images.build import save_image
from blocks.images.references import pull, split_reference
from blocks.stored.registry_login import RegistryCredentials
from pool.errors import BadRequest, EngineTrouble, NotFound, Refused
from tests.rigs.engines.registry import running_registry
from tests.rigs.engines.tiny_image import busybox_image

pytestmark = pytest.mark.contract

LOGIN = RegistryCredentials("reader", "pass-of-a-test")


def pull_to_archive(engine_url, reference, folder, credentials=None):
    engine = HostEngine.local(engine_url)
    pull(engine, reference, credentials)
    return save_image(engine, ":".join(split_reference(reference)), folder)


@pytest.fixture(scope="module", params=["open", "with a login"])
def registry(request, tmp_path_factory):
    """Its address, and whether it asks for a login."""
    login = LOGIN if request.param == "with a login" else None
    with running_registry(tmp_path_factory.mktemp("registry"), login=login) as port:
        yield f"127.0.0.1:{port}", bool(login)


@pytest.fixture(scope="module")
def image(registry, engine_url):
    """An image that is in the registry and not in the engine."""
    address, _ = registry
    image = busybox_image(f"{address}/team/tiny:4.4", ("true",), {"page": address.encode()})
    engine = HostEngine.local(engine_url)
    engine.load([image.archive()])
    with engine.client("push") as client:
        login = {"username": LOGIN.username, "password": LOGIN.password}
        assert "error" not in client.push(image.name, auth_config=login)
        client.remove_image(image.name)
    assert image.id not in engine.image_ids()
    yield image
    with engine.client("clean up") as client:
        client.remove_image(image.id, force=True)


def test_a_reference_is_pulled_and_kept_as_an_archive(registry, image, tmp_path, engine_url):
    archive = read_archive(pull_to_archive(engine_url, image.name, tmp_path, LOGIN))
    assert (archive.image_id, archive.names) == (image.id, (image.name,))
    assert [path.name for path in tmp_path.iterdir()] == [archive.path.name]


def test_pulled_again_it_is_the_same(registry, image, tmp_path, engine_url):
    first = pull_to_archive(engine_url, image.name, tmp_path, LOGIN)
    assert pull_to_archive(engine_url, image.name, tmp_path, LOGIN) == first


def test_the_digest_is_that_of_what_the_tag_stands_for_and_the_old_image_goes(registry, image, engine_url):
    engine, login = HostEngine.local(engine_url), {"username": LOGIN.username, "password": LOGIN.password}
    name = image.name.replace("4.4", "moving")
    digests, ids = list[str](), list[str]()
    for page in (b"one", b"two"):
        moved = busybox_image(name, ("true",), {"page": page + registry[0].encode()})
        engine.load([moved.archive()])
        with engine.client("push") as client:
            client.push(name, auth_config=login)
            if page == b"two":  # as it is on a manager that pulled the first one
                client.tag(ids[0], *name.rsplit(":", 1))
        digests.append(pull(engine, name, LOGIN))
        ids.append(moved.id)
    try:
        assert all(digest.startswith("sha256:") for digest in digests)
        assert len(set(digests)) == 2
        assert ids[1] in engine.image_ids()
        assert ids[0] not in engine.image_ids()
        assert pull(engine, name, LOGIN) == digests[1]
    finally:
        with engine.client("clean up") as client:
            client.remove_image(ids[1], force=True)


def test_an_image_that_is_not_in_the_registry_is_named(registry, tmp_path, engine_url):
    with pytest.raises(NotFound, match=r"team/other:1 is not in its registry"):
        pull_to_archive(engine_url, f"{registry[0]}/team/other:1", tmp_path, LOGIN)
    assert list(tmp_path.iterdir()) == []


def test_a_registry_that_asks_for_a_login_is_not_entered_without(registry, image, tmp_path, engine_url):
    if not registry[1]:
        assert pull_to_archive(engine_url, image.name, tmp_path).is_file()
        return
    wrong = RegistryCredentials("reader", "wrong-word")
    for credentials in (None, wrong):
        with pytest.raises(Refused) as refusal:
            pull_to_archive(engine_url, image.name, tmp_path, credentials)
        assert f"{image.name}" in str(refusal.value)
        assert "wrong-word" not in str(refusal.value)


def test_a_registry_that_does_not_answer_is_named(tmp_path, engine_url):
    with pytest.raises(EngineTrouble, match=r"image 127.0.0.1:1/x:latest could not be pulled: .*connection refused"):
        pull_to_archive(engine_url, "127.0.0.1:1/x", tmp_path)


@pytest.mark.parametrize("reference", ["", " ", ":4", "Upper/Case:1", "a b", f"x@sha256:{'0' * 64}"])
def test_what_is_no_reference_is_refused(tmp_path, reference, engine_url):
    with pytest.raises(BadRequest):
        pull_to_archive(engine_url, reference, tmp_path)
