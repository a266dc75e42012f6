"""The pipeline distribute-images on two real engines: what operators see of it, and what a dead host does to it."""

import asyncio
import os
import time

import pytest
from prefect.artifacts import Artifact
from prefect.testing.utilities import prefect_test_harness

from blocks.authority import CertificateAuthority
from blocks.database import pool_store
from blocks.pool_config import PoolConfig
from blocks.settings import process_settings
from flows.distribute_images import distribute_images
from pool.records import FlavorSize
from pool.states import HostState
from tasks.images import layer_store
from tests.rigs.light_host import light_host
from tests.rigs.pool_data import NOW
from tests.rigs.tiny_image import TinyImage, busybox_image, tar_of

pytestmark = pytest.mark.integration

PAGE = tar_of({"page": os.urandom(500_000)})


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """A data directory, a Prefect server and a database of this module's own."""
    with pytest.MonkeyPatch.context() as patch, prefect_test_harness(server_startup_timeout=120):
        patch.setenv("DD_DATA", str(tmp_path_factory.mktemp("data")))
        process_settings.cache_clear()
        pool_store.cache_clear()
        PoolConfig(DD_IMAGE_PUSHES=2).save("main")
        authority = CertificateAuthority.create("test authority")
        authority.save("main")
        pool_store().upgrade()
        yield authority
    process_settings.cache_clear()
    pool_store.cache_clear()


@pytest.fixture(scope="module")
def hosts(installation):
    with light_host(installation) as first, light_host(installation) as second:
        for number, host in enumerate((first, second)):
            record = pool_store().claim_host("main", FlavorSize.SMALL, 6, f"run-{number}", 4, NOW)
            pool_store().move_host(record.name, HostState.CONFIGURING, NOW, address=host.address)
            pool_store().move_host(record.name, HostState.ACTIVE, NOW)
        yield first, second


def offer(image: TinyImage) -> TinyImage:
    path = process_settings().images_dir / f"{image.name.replace(':', '_')}.tar"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(image.archive())
    os.utime(path, (time.time() - 60,) * 2)
    return image


def artifact(key: str) -> Artifact:
    return Artifact.get(key)


def distribute(**parameters):
    state = asyncio.run(distribute_images(return_state=True, **parameters))
    return state.name, state.message, state.data if state.is_failed() else asyncio.run(state.aresult())


@pytest.fixture(scope="module")
def first_run(hosts):
    """What came of the first distribution of one image."""
    image = offer(busybox_image("tiny:1", ("true",), {"one": b"1"}))
    return image, distribute()[2]


def test_every_host_gets_the_image_and_the_report_says_what_travelled(hosts, first_run):
    image, rows = first_run
    assert [row["host"] for row in rows] == ["main-01", "main-02"]
    assert all(row["sent"] > 0 and row["error"] == "" for row in rows)
    assert all(image.id in host.engine.image_ids() for host in hosts)
    assert pool_store().hosts_with_image(image.id) == {"main-01", "main-02"}


def test_the_second_time_nothing_travels(hosts, first_run):
    rows = distribute()[2]
    assert [row["sent"] for row in rows] == [0, 0]
    assert all(row["skipped"] > 0 for row in rows)


def test_a_dead_host_is_named_and_the_other_gets_its_image(hosts, first_run):
    image = first_run[0]
    new = offer(TinyImage("tiny:2", [*image.layers, PAGE], image.runs))
    hosts[0].cut_power()
    try:
        name, message, _ = distribute()
    finally:
        hosts[0].start()
    assert (name, "1 of 2 hosts lack images: host main-01: the engine could not" in message) == ("Failed", True)
    assert pool_store().hosts_with_image(new.id) == {"main-02"}


def test_afterwards_it_gets_only_the_new_layer(hosts, first_run):
    first, second = distribute()[2]
    assert second["sent"] == 0
    assert 500_000 < first["sent"] < 1.1 * 500_000


def test_operators_see_how_far_it_is_and_which_host_has_what(hosts, first_run):
    distribute()
    assert "2 of 2 hosts done, 0.0 MB sent" in artifact("distribution-main").description
    assert float(artifact("distribution-main").data) == 100
    table = artifact("images-on-hosts-main").data
    assert table.count("there") == 4
    assert "missing" not in table


def test_a_broken_archive_is_named_at_the_end_and_holds_up_nothing(hosts, first_run):
    broken = process_settings().images_dir / "broken.tar"
    broken.write_bytes(b"this is no archive")
    os.utime(broken, (time.time() - 60,) * 2)
    try:
        name, message, rows = distribute()
    finally:
        broken.unlink()
    assert (name, len(rows)) == ("Completed", 2)
    assert message.startswith("2 hosts: 0.0 MB sent")
    assert "refused images/broken.tar: " in message


def test_layers_of_a_retired_image_are_collected(hosts, first_run):
    distribute()
    before = layer_store().usage()
    (process_settings().images_dir / "tiny_2.tar").unlink()
    distribute()
    assert layer_store().usage().layers == before.layers - 1
    assert before.bytes - layer_store().usage().bytes > 900_000
