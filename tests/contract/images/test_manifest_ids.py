"""Images on an engine that keeps them in containerd's store, and calls each by the digest of a manifest of its own.

Each test asks a stand-in, which answers as the published API does; by night also the Docker of Debian's next release.
"""

import gzip
import os
from dataclasses import replace

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.probes.disk import containers_on, images_on, layers_on, no_disk_limit, remove_image, written_mb
from blocks.host_setup.disk_looks import files_in, look_for_files
from blocks.images.archive import read_archive
from blocks.images.build import build_image, save_image
from blocks.images.layer_store import LayerStore
from blocks.images.pull import HostPull
from blocks.images.push import HostPush
from blocks.images.registry import ImageRegistry
from blocks.images.stream import Compression
from blocks.stored.authority import CertificateAuthority
from blocks.stored.registry_login import RegistryCredentials
from pool.blame import BAD_IMAGE, IMAGE_GONE
from pool.errors import EngineTrouble
from pool.hosts.disk import may_go
from pool.images.engine_names import name_of_id
from pool.records import ContainerSpec
from tests.rigs.engines.kept_images import image_of, kept
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.manifest_engine import manifest_engine
from tests.rigs.engines.newer_engine import newer_engine, path_of
from tests.rigs.engines.registry import running_registry
from tests.rigs.engines.tiny_image import tar_of

pytestmark = pytest.mark.contract

TAGS = ["tiny:1"]
LOGIN = RegistryCredentials("reader", "pass-of-a-test")


@pytest.fixture(scope="module")
def newer_host():
    programs, why_not = newer_engine()
    if programs is None:
        pytest.skip(why_not)
    with light_host(CertificateAuthority.create("test authority"), programs=path_of(programs)) as host:
        yield host


@pytest.fixture
def stand_in(tmp_path):
    with manifest_engine(tmp_path / "docker.sock"):
        client = HostEngine.local(f"unix://{tmp_path}/docker.sock")
        yield client
        client.close()


@pytest.fixture
def real(newer_host):
    yield newer_host.engine
    for container in containers_on(newer_host.engine, "dd-test"):
        newer_host.engine.remove(container.id)
    for image in images_on(newer_host.engine):
        remove_image(newer_host.engine, image)


@pytest.fixture(params=["stand_in", pytest.param("real", marks=pytest.mark.nightly)])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(tmp_path):
    return LayerStore(tmp_path / "layers")


@pytest.fixture
def keep(store, tmp_path):
    """Put an image into the store, and give the catalogue's record of it."""
    return lambda *extra: kept(image_of("tiny:1", *extra), store, tmp_path)


def push(engine, store, image, tags=TAGS):
    return HostPush(engine, "h-1", store).push(image, tags)


def session_of(image) -> ContainerSpec:
    labels = {"dockerdriver.namespace": "dd-test", "dockerdriver.instance": "alice"}
    return ContainerSpec("dd-alice", image.id, 8888, 20001, 32, command=("sleep", "60"), labels=labels)


def listed(engine) -> list[str]:
    """What the engine itself calls its images."""
    with engine.client("look") as client:
        return [one["Id"] for one in client.images()]


def test_an_image_arrives_under_the_engine_s_own_id_and_is_found_by_ours(engine, store, keep):
    image = keep(tar_of({"page": b"one"}))
    assert push(engine, store, image).sent > 0
    assert image.id in engine.image_ids()
    assert image.id not in listed(engine)
    assert {name for one in images_on(engine) for name in one.names} == {*TAGS, name_of_id(image.id)}


def test_a_version_without_a_name_arrives_too(engine, store, keep):
    image = keep()
    push(engine, store, image, tags=[])
    assert [one.names for one in images_on(engine)] == [(name_of_id(image.id),)]


def test_what_is_there_is_not_sent_again_and_of_another_all_layers_are_sent(engine, store, keep):
    first, second = keep(), keep(tar_of({"page": b"two"}))
    whole = push(engine, store, first).sent
    assert push(engine, store, first).sent == 0
    assert push(engine, store, second).sent > whole


def test_a_session_runs_and_is_left_as_it_is_when_it_is_asked_for_again(engine, store, keep):
    image = keep()
    push(engine, store, image)
    engine.try_image(image.id)
    spec = session_of(image)
    assert engine.run(spec) == engine.run(spec)
    assert engine.find(spec.name).running


def test_a_session_keeps_its_version_when_the_name_goes_on_to_the_next(engine, store, keep):
    old, new = keep(), keep(tar_of({"page": b"two"}))
    push(engine, store, old)
    push(engine, store, new)
    engine.run(session_of(old))
    assert [one.image for one in containers_on(engine, "dd-test")] == [old.id]
    engine.run(replace(session_of(new), name="dd-bob", host_port=20002))
    assert {one.image for one in containers_on(engine, "dd-test")} == {old.id, new.id}


def test_what_no_session_needs_is_pruned_with_all_its_names_and_what_is_used_stays(engine, store, keep):
    used, unused = keep(), keep(tar_of({"page": b"two"}))
    for image in (used, unused):
        push(engine, store, image)
    engine.run(session_of(used))
    leaving = may_go(images_on(engine), containers_on(engine, "dd-test"), set(), set(), {used.id, unused.id})
    assert [one.id for one in leaving] == [unused.id]
    by_id = {image.id: image for image in images_on(engine)}
    assert remove_image(engine, by_id[unused.id])
    assert engine.image_ids() == {used.id}
    assert not remove_image(engine, by_id[used.id])


def test_an_image_that_is_not_there_is_said_to_be_gone_by_its_id(engine, store, keep):
    image = keep()
    with pytest.raises(EngineTrouble, match=image.id[7:19]) as refusal:
        engine.run(session_of(image))
    assert refusal.value.blame is IMAGE_GONE


def test_an_image_whose_layers_could_not_be_unpacked_does_not_count_as_there(engine, store, keep):
    image = keep(tar_of({"page": os.urandom(16)}))  # that no engine has unpacked before
    for compression in (Compression.GZIP, Compression.ZSTD):  # whichever the engine is sent
        store.packed(image.layers[1], compression).write_bytes(gzip.compress(tar_of({"mallory": b""})))
    with pytest.raises(EngineTrouble, match="unpack"):
        push(engine, store, image)
    assert image.id not in engine.image_ids()


def test_an_image_of_other_layers_under_its_name_is_not_taken_for_it(engine, store, keep):
    image, other = keep(), image_of("tiny:1", tar_of({"mallory": b""}))

    class Swapping(HostEngine):
        """Another installation's image of this name comes at the same moment."""

        def load(self, archive):
            loaded = super().load(archive)
            super().load([other.archive()])
            return loaded

    with pytest.raises(EngineTrouble, match="image tiny:1 was sent but is not there as sha256:"):
        push(Swapping(engine._connections, "127.0.0.1"), store, image)


@pytest.mark.nightly
def test_an_image_is_pulled_from_a_registry_and_is_known_by_its_id_and_usual_name(
    newer_host, real, store, keep, tmp_path
):
    image = keep(tar_of({"page": b"pulled"}))
    issued = newer_host.authority.issue_server("registry.test", newer_host.gateway, days=1)
    (tmp_path / "registry").mkdir()
    with running_registry(tmp_path / "registry", issued, LOGIN) as port:
        newer_host.trust(f"{newer_host.gateway}:{port}")
        registry = ImageRegistry(f"{newer_host.gateway}:{port}", newer_host.authority.certificate, LOGIN)
        assert HostPull(real, "h-1", store, registry).push(image, TAGS).sent > 0
    assert [set(one.names) for one in images_on(real)] == [{*TAGS, name_of_id(image.id)}]
    real.try_image(image.id)


@pytest.mark.nightly
def test_what_a_session_writes_is_measured_by_its_size_and_by_its_files(newer_host, real, store, keep):
    image = keep()
    push(real, store, image)
    real.run(session_of(image))
    writes = "head -c 3000000 /dev/zero > /large; mkdir /many; for n in $(seq 500); do : > /many/$n; done"
    assert real.run_inside("dd-alice", ["sh", "-c", writes], 20) == 0
    assert written_mb(real, "dd-test") == {"alice": 3}
    folders = layers_on(real, "dd-test")
    said = newer_host.answer(look_for_files(folders.values()))
    assert 500 < int(said.split()[2]) < 520
    assert files_in(said, folders).keys() == {"alice"}


@pytest.mark.nightly
def test_a_manager_s_own_engine_builds_images_and_saves_them_as_the_catalogue_knows_them(real, tmp_path):
    tiny = image_of("tiny:1", tar_of({"page": os.urandom(16)}))
    real.load([tiny.archive()])
    (tmp_path / "Dockerfile").write_text("FROM tiny:1\nRUN true\n")
    build_image(real, tmp_path, "built:1", labels={"made": "here"})
    saved, built = (read_archive(save_image(real, name, tmp_path / "images")) for name in ("tiny:1", "built:1"))
    assert (saved.image_id, saved.names) == (tiny.id, ("tiny:1",))
    assert (built.names, built.labels["made"]) == (("built:1",), "here")


def test_an_engine_that_takes_a_limit_of_the_disk_and_does_not_keep_to_it_is_known(engine):
    assert "containerd's store" in no_disk_limit(engine)


def test_a_config_that_is_not_the_image_s_is_not_sent(engine, store, keep, tmp_path):
    image = keep()
    config = tmp_path / "layers" / f"{image.id[7:]}.json"
    config.write_bytes(config.read_bytes() + b" ")
    with pytest.raises(EngineTrouble, match="the config that is kept of image tiny:1 is not sha256:") as refusal:
        push(engine, store, image)
    assert refusal.value.blame is BAD_IMAGE
    assert listed(engine) == []
