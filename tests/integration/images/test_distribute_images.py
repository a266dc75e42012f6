"""The pipeline distribute-images on two real engines: what operators see of it, and what a dead host does to it."""

import asyncio
import os
import time
from asyncio import sleep
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prefect.artifacts import Artifact

from blocks.engine.client import HostEngine
from blocks.outside import outside, standing_in
from blocks.settings import process_settings
from blocks.stored.authority import CertificateAuthority
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from blocks.stored.registry_login import RegistryCredentials, RegistryLogin
from blocks.system_clock import SystemClock
from flows.images.add_image import add_image
from flows.images.distribute_images import distribute_images
from flows.images.retire_image import retire_image
from pool.errors import EngineTrouble, NotFound
from pool.records import BlueprintSpec, FlavorSize
from pool.states import HostState
from tasks.images.catalogue import why_distribute
from tasks.images.versions import image_on
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.registry import running_registry
from tests.rigs.engines.tiny_image import TinyImage, busybox_image, tar_of
from tests.rigs.fakes import FakePrefect
from tests.rigs.pool_data import NOW
from tests.rigs.present import present
from tests.rigs.services.prefect_server import flows_run_here

pytestmark = pytest.mark.integration

PAGE = tar_of({"page": os.urandom(500_000)})


class InAnHour(SystemClock):
    """What comes round every half hour is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


class FullDisks(FakePrefect):
    """No room can be made on any host."""

    def call(self, task, args, kwargs):
        return sleep(0, result=False) if task.name == "make_room" else super().call(task, args, kwargs)


@pytest.fixture(scope="module")
def installation(prefect_server, tmp_path_factory):
    """A data directory and a database of this module's own."""
    with flows_run_here(prefect_server, tmp_path_factory.mktemp("data")):
        PoolConfig(DD_IMAGE_PUSHES=2).save("main")
        authority = CertificateAuthority.create("test authority")
        authority.save("main")
        yield authority


@pytest.fixture(scope="module")
def hosts(installation):
    with light_host(installation) as first, light_host(installation) as second:
        for number, host in enumerate((first, second)):
            record = outside().store.hosts.claim("main", FlavorSize.SMALL, 6, f"run-{number}", 4, NOW)
            outside().store.hosts.move(record.name, HostState.CONFIGURING, NOW, address=host.address)
            outside().store.hosts.move(record.name, HostState.ACTIVE, NOW)
        yield first, second


def offer(image: TinyImage) -> TinyImage:
    path = process_settings().images_dir / f"{image.name.replace(':', '_')}.tar"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(image.archive())
    os.utime(path, (time.time() - 60,) * 2)
    return image


def artifact(key: str) -> Any:
    return Artifact.get(key)


def recorded(flow, *words):
    """A run as a worker makes it, with all its tasks on record: for what operators see of it."""
    state = asyncio.run(flow(*words, return_state=True))
    return state.name, state.message, state.data if state.is_failed() else asyncio.run(state.aresult())


def carried_out(flow, *words, prefect=None, **parameters):
    """The same without any record, which is most of the work: for what comes of it on the hosts."""
    with standing_in(replace(outside(), prefect=prefect or FakePrefect())):
        state = asyncio.run(flow.fn(*words, **parameters))
    return state.name, state.message, state.data


def distribute(prefect=None):
    return carried_out(distribute_images, prefect=prefect)


@pytest.fixture(scope="module")
def first_run(hosts):
    """What came of the first distribution of one image."""
    image = offer(busybox_image("tiny:1", ("true",), {"one": b"1"}))
    return image, recorded(distribute_images)[2]


def test_every_host_gets_the_image_and_the_report_says_what_travelled(hosts, first_run):
    image, rows = first_run
    assert [row["host"] for row in rows] == ["main-01", "main-02"]
    assert all(row["sent"] > 0 and row["error"] == "" for row in rows)
    assert all(image.id in host.engine.image_ids() for host in hosts)
    assert outside().store.images.hosts_with(image.id) == {"main-01", "main-02"}


def test_the_second_time_nothing_travels(hosts, first_run):
    rows = distribute()[2]
    assert [row["sent"] for row in rows] == [0, 0]
    assert all(row["skipped"] > 0 for row in rows)


def test_a_dead_host_is_named_and_the_other_gets_its_image(hosts, first_run):
    image = first_run[0]
    new = offer(TinyImage("tiny:2", [*image.layers, PAGE], image.runs))
    hosts[0].cut_power()
    try:
        name, message, _ = recorded(distribute_images)
    finally:
        hosts[0].start()
    assert (name, "1 of 2 hosts lacks images: host main-01: the engine could not" in message) == ("Failed", True)
    assert outside().store.images.hosts_with(new.id) == {"main-02"}


def test_afterwards_it_gets_only_the_new_layer(hosts, first_run):
    first, second = distribute()[2]
    assert second["sent"] == 0
    assert 500_000 < first["sent"] < 1.1 * 500_000


def test_operators_see_how_far_it_is_and_which_host_has_what(hosts, first_run):
    recorded(distribute_images)
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
        name, message, rows = recorded(distribute_images)
    finally:
        broken.unlink()
    assert (name, len(rows)) == ("Completed", 2)
    assert message.startswith("2 hosts: 0.0 MB sent")
    assert "refused images/broken.tar: " in message


def test_layers_of_a_retired_image_are_collected(hosts, first_run):
    distribute()
    before = outside().layers.usage()
    (process_settings().images_dir / "tiny_2.tar").unlink()
    distribute()
    assert outside().layers.usage().layers == before.layers - 1
    assert before.bytes - outside().layers.usage().bytes > 900_000


def add(image, **parameters):
    return carried_out(add_image, image, **parameters)[:2]


def retire(name, **parameters):
    return carried_out(retire_image, name, **parameters)[:2]


def test_an_image_is_added_by_its_file_and_updated_by_adding_again(hosts, first_run):
    old = offer(busybox_image("lab:1", ("true",), {"page": b"old"}))
    name, message, _ = recorded(add_image, "lab_1.tar")
    assert (name, message.startswith("pool main offers lab:1; 2 hosts: ")) == ("Completed", True)
    new = offer(busybox_image("lab:1", ("true",), {"page": b"new"}))
    assert add("lab_1.tar")[0] == "Completed"
    assert outside().store.images.hosts_with(new.id) == {"main-01", "main-02"}
    assert [image.id for image in outside().store.images.versions("main", "lab:1")] == [new.id, old.id]


@pytest.mark.parametrize(
    ("image", "words"),
    [("nothing.tar", "there is no archive images/nothing.tar"), ("../pool.sqlite", "'../pool.sqlite' is no file name")],
)
def test_an_archive_that_is_not_there_is_named(hosts, image, words):
    name, message = add(image)
    assert (name, words in message) == ("Failed", True)


def test_a_login_that_is_not_there_is_named(hosts):
    name, message = add("127.0.0.1:1/x:1", source="registry", credentials="unknown")
    assert (name, message) == ("Failed", "no registry login is named 'unknown'; known: none")


def test_an_archive_that_is_broken_when_it_is_replaced_leaves_the_image_offered_as_it_was(hosts, first_run):
    image = offer(busybox_image("steady:1", ("true",), {"page": b"good"}))
    add("steady_1.tar")
    (process_settings().images_dir / "steady_1.tar").write_bytes(b"half of it")
    assert distribute()[0] == "Completed"
    assert outside().store.images.get("main", "steady:1").id == image.id
    (process_settings().images_dir / "steady_1.tar").unlink()
    distribute()
    assert "steady:1" not in {one.name for one in outside().store.images.offered("main")}


@pytest.fixture
def registry(tmp_path, engine_url, monkeypatch):
    """Address of a registry that asks for a login; the manager has an engine, and the login as a block."""
    monkeypatch.setenv("DD_ENGINE_URL", engine_url)
    process_settings.cache_clear()
    login = RegistryCredentials("reader", "pass-of-a-test")
    with running_registry(tmp_path, login=login) as port:
        named = {"registry": f"127.0.0.1:{port}", "username": login.username}
        RegistryLogin(**named, password=login.password).save("mine", overwrite=True)
        yield f"127.0.0.1:{port}"
    monkeypatch.undo()
    process_settings.cache_clear()


def publish(engine_url, image):
    """Have the registry hold the image, and the engine forget it."""
    engine = HostEngine.local(engine_url)
    engine.load([image.archive()])
    with engine.client("push") as client:
        client.push(image.name, auth_config={"username": "reader", "password": "pass-of-a-test"})
        client.remove_image(image.id, force=True)
    return image


def test_a_tag_of_a_registry_is_pulled_pinned_and_followed_when_it_moves(
    hosts, first_run, registry, engine_url, caplog
):
    name = f"{registry}/team/lab:1"
    old = publish(engine_url, busybox_image(name, ("true",), {"page": b"old"}))
    assert add(name, source="registry")[0] == "Failed"  # it asks for a login
    assert add(name, source="registry", credentials="mine")[0] == "Completed"
    first = outside().store.images.get("main", name)
    assert (first.id, first.source, first.digest[:7]) == (old.id, name, "sha256:")
    assert sum(first.layer_sizes) > 0
    new = publish(engine_url, busybox_image(name, ("true",), {"page": b"new"}))
    distribute()
    assert outside().store.images.get("main", name) == first  # it was looked at a moment ago
    with standing_in(replace(outside(), clock=InAnHour())):
        distribute()
    second = outside().store.images.get("main", name)
    assert (second.id, second.digest != first.digest, present(second.looked_at) > present(first.looked_at)) == (
        new.id,
        True,
        True,
    )
    assert all(new.id in host.engine.image_ids() for host in hosts)
    assert "pass-of-a-test" not in caplog.text
    retire(name, delete_archive=True)
    with HostEngine.local(engine_url).client("clean up") as client:
        for image in {old.id, new.id} & HostEngine.local(engine_url).image_ids():
            client.remove_image(image, force=True)


def test_a_retired_image_is_not_offered_while_its_archive_stays_and_adding_it_offers_it_again(hosts, first_run):
    image = offer(busybox_image("short:1", ("true",), {"page": b"short"}))
    add("short_1.tar")
    said = "pool main offers short:1 no more; images/short_1.tar stays"
    assert recorded(retire_image, "short:1")[:2] == ("Completed", said)
    distribute()
    with pytest.raises(NotFound, match="pool main offers the image short:1 no more: it was retired at"):
        outside().store.images.get("main", "short:1")
    assert image.id in hosts[0].engine.image_ids()
    assert retire("short:1")[0] == "Failed"
    add("short_1.tar")
    assert outside().store.images.get("main", "short:1").id == image.id
    retire("short:1", delete_archive=True)
    assert not (process_settings().images_dir / "short_1.tar").exists()


def test_an_archive_that_appears_is_noticed_once_and_one_that_is_being_copied_is_not(hosts, first_run):
    distribute()
    assert why() == ""
    offer(busybox_image("fresh:1", ("true",), {"page": b"fresh"}))
    key = why()
    assert key.startswith("images-main-")
    assert why() == key
    os.utime(process_settings().images_dir / "fresh_1.tar", (time.time() + 60,) * 2)
    assert why() == ""
    (process_settings().images_dir / "fresh_1.tar").unlink()


def test_a_host_that_lacks_an_image_is_noticed(hosts, first_run):
    distribute()
    outside().store.images.unmark("main-01", outside().store.images.offered("main")[0].id)
    assert why().startswith("images-main-")
    distribute()


def why():
    return asyncio.run(why_distribute.fn("main"))


def test_a_session_gets_the_newest_version_that_its_host_has(hosts, first_run):
    old, new = (offer(busybox_image("two:1", ("true",), {"page": page})) for page in (b"old", b"new"))
    for image in (old, new):
        (process_settings().images_dir / "two_1.tar").write_bytes(image.archive())
        add("two_1.tar")
    blueprint = BlueprintSpec("two", "main", "two:1", 80)
    outside().store.images.unmark("main-01", new.id)
    first, second = outside().store.hosts.all("main")
    assert image_on(first, blueprint) == old.id
    assert image_on(second, blueprint) == new.id
    assert image_on(second, replace(blueprint, image_digest=old.id)) == old.id
    outside().store.images.unmark("main-01", old.id)
    with pytest.raises(EngineTrouble, match="host main-01 has no version of the image two:1 any more"):
        image_on(first, blueprint)


def test_a_version_that_a_blueprint_pins_is_kept_and_sent(hosts, first_run):
    old = offer(busybox_image("pin:1", ("true",), {"page": b"old"}))
    add("pin_1.tar")
    Blueprint(image="pin:1", image_digest=old.id, port=80).save("pinned")
    offer(busybox_image("pin:1", ("true",), {"page": b"new"}))
    add("pin_1.tar")
    with hosts[0].engine.client("lose it") as client:
        client.remove_image(old.id, force=True)
    assert distribute()[0] == "Completed"
    assert old.id in hosts[0].engine.image_ids()
    Blueprint.delete("pinned")


def test_with_a_registry_named_hosts_pull_from_it_and_the_report_is_the_same(hosts, first_run, installation, tmp_path):
    image = offer(busybox_image("pulled:1", ("true",), {"page": os.urandom(200_000)}))
    issued = installation.issue_server("registry.test", hosts[0].gateway, days=1)
    with running_registry(tmp_path, issued) as port:
        address = f"{hosts[0].gateway}:{port}"
        for host in hosts:
            host.trust(address)
        PoolConfig(DD_IMAGE_PUSHES=2, DD_IMAGE_REGISTRY=address).save("main", overwrite=True)
        try:
            name, _, rows = distribute()
        finally:
            PoolConfig(DD_IMAGE_PUSHES=2).save("main", overwrite=True)
    assert name == "Completed"
    assert all(200_000 < row["sent"] < 220_000 for row in rows)
    assert outside().store.images.hosts_with(image.id) == {"main-01", "main-02"}


def test_a_host_whose_disk_cannot_be_cleaned_takes_nothing_new_and_keeps_what_it_has(hosts, first_run):
    distribute()
    assert distribute(FullDisks())[0] == "Completed"
    offer(busybox_image("waits:1", ("true",), {"page": b"waits"}))
    name, message, _ = distribute(FullDisks())
    assert (name, "DD_HOST_DISK_MARK and nothing on it may go; waits:1 has to wait" in message) == ("Failed", True)
