"""A real engine's containers are listed without being read, running or not, and so that each change shows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pool.backups.changes import changes_since
from pool.backups.inventory import is_folder, stands_for_deleted
from pool.errors import EngineTrouble
from pool.records import ContainerSpec, KeptWork
from tests.rigs.engines.tiny_image import busybox_image, tar_of
from tests.rigs.present import present
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract

KEEP = KeptWork(("/home/jovyan", "/srv/notes"), (".cache",))
BUSYBOX = "/bin/busybox"


@pytest.fixture(scope="module")
def home_image(host):
    image = busybox_image("listed", ("sleep", "9999"), {"home/jovyan/from image": b"x", "home/jovyan/folder/y": b"y"})
    host.engine.load([image.archive()])
    return image


@pytest.fixture
def spec(home_image):
    return ContainerSpec("dd-alice", home_image.id, 8888, 20001, memory_mb=32)


@pytest.fixture
def running(engine, spec):
    """A container in which a user has worked."""
    engine.run(spec)
    sh(engine, "cd /home/jovyan; echo a > a; $b mkdir -p d/.cache; echo b > d/b; echo c > d/.cache/c; $b ln -s a link")
    return spec.name


def sh(engine, script: str) -> None:
    command = ["sh", "-c", f"b={BUSYBOX}; {script}"]
    assert engine.run_inside("dd-alice", command, 20) == 0


def names(engine) -> set[str]:
    return {name.decode(errors="surrogateescape") for name in engine.list_files("dd-alice", KEEP)[0].files}


def what_changed(engine, script: str):
    before, _ = engine.list_files("dd-alice", KEEP)
    sh(engine, script)
    return changes_since(before, engine.list_files("dd-alice", KEEP)[0])


def test_what_a_session_wrote_is_listed_and_what_is_left_out_or_the_images_is_not(engine, running):
    found = {"home/jovyan", "home/jovyan/a", "home/jovyan/d", "home/jovyan/d/b", "home/jovyan/link"}
    assert names(engine) == {"/home", *found}


def test_a_list_is_the_same_again_also_of_a_container_that_has_ended(engine, running):
    before, begun = engine.list_files(running, KEEP)
    engine.stop(running, 0)
    assert engine.list_files(running, KEEP)[0] == before
    assert abs(begun - datetime.now(UTC)) < timedelta(minutes=2)
    assert [one.name for one in engine.containers({})] == [running]


@pytest.mark.parametrize(
    ("script", "fetched"),
    [
        ("echo x > a", "a"),
        ("echo b > a", "a"),
        ("t=$($b stat -c %Y a); echo z > a; $b touch -d @$t a", "a"),
        ("$b chmod 600 a", "a"),
        ("echo n > 'new\nname'", "new\nname"),
        ("echo y > 'from image'", "from image"),
        ("$b rm link; $b ln -s d link", "link"),
        ("$b mv d e; $b mkdir d", "d e"),
    ],
    ids=["content", "same length", "same time", "rights", "new", "of the image", "link", "renamed"],
)
def test_each_change_shows_as_what_is_to_be_read_anew(engine, running, monkeypatch, script, fetched):
    monkeypatch.setattr("pool.backups.changes.REQUEST", 0)
    changes = what_changed(engine, f"cd /home/jovyan; {script}")
    wanted = [fetched] if "image" in fetched or "\n" in fetched else fetched.split()
    assert [*changes.fetched] == [f"home/jovyan/{one}".encode() for one in wanted]


def test_what_is_deleted_shows_as_gone_of_the_session_and_of_the_image(engine, running):
    changes = what_changed(engine, "cd /home/jovyan; $b rm a; $b rm -r d folder")
    assert changes.gone == (b"home/jovyan/a", b"home/jovyan/d", b"home/jovyan/folder")
    assert [*changes.folders] == [b"home/jovyan"]
    inventory, _ = engine.list_files(running, KEEP)
    assert stands_for_deleted(inventory.files[b"home/jovyan/folder"])
    assert is_folder(inventory.files[b"home/jovyan"])


def test_a_program_in_the_session_cannot_give_a_list_of_its_own(engine, running):
    sh(engine, "$b mkdir -p /.dd; echo '#!/bin/sh' > /.dd/busybox; echo 'f /home end' > '/home/jovyan/x\nf end'")
    assert "home/jovyan/x\nf end" in names(engine)


def test_a_home_that_a_session_put_elsewhere_is_listed_nowhere_else(engine, spec, running):
    sh(engine, "$b mkdir /srv; $b ln -s /etc /srv/notes; $b ln -s / /home/jovyan/root")
    assert "srv/notes" in names(engine)
    assert not any(name.startswith(("srv/notes/", "home/jovyan/root/")) for name in names(engine))


def test_what_is_kept_in_a_volume_is_not_listed(engine, host, spec):
    image = busybox_image("volume", ("sleep", "9999"), {"home/jovyan/x": b"x"})
    image.runs["Volumes"] = {"/home/jovyan/data": {}}
    host.engine.load([image.archive()])
    engine.run(replace(spec, image=image.id))
    assert engine.list_files(spec.name, KEEP) is None


def test_a_list_of_too_much_is_none_and_one_of_no_container_is_trouble(engine, running, monkeypatch):
    with pytest.raises(EngineTrouble):
        engine.list_files("dd-unknown", KEEP)
    monkeypatch.setattr("blocks.engine.containers.inventories.MOST_BYTES", 300)
    assert engine.list_files(running, KEEP) is None


def test_what_a_process_that_died_left_on_the_host_is_removed_with_a_later_list(engine, spec, running, monkeypatch):
    engine.prepare(replace(spec, name="dd.files-of-dd-bob", host_port=20002))
    others = ["dd-dd.files-of-dd-bob", "dd-files-of-dd-bob"]  # of sessions
    for number, name in enumerate(others):
        engine.prepare(replace(spec, name=name, host_port=20003 + number))
    engine.list_files(running, KEEP)
    assert engine.find("dd.files-of-dd-bob")
    monkeypatch.setattr("blocks.engine.containers.inventories.LEFT_SECONDS", -60)
    engine.list_files(running, KEEP)
    assert not engine.find("dd.files-of-dd-bob")
    assert all(map(engine.find, others))


def test_a_file_that_was_put_there_again_is_another_one(engine, running):
    before, _ = engine.list_files(running, KEEP)
    engine.write_files(running, [tar_of({"home/jovyan/a": b"a\n"})])
    until(lambda: engine.list_files(running, KEEP)[0] != before, "the list is another one")
    assert present(changes_since(before, engine.list_files(running, KEEP)[0])).fetched
