"""Whose fault it is that an engine refuses, asked of a real one."""

import os
from dataclasses import replace

import pytest

from pool import blame
from pool.errors import EngineTrouble, HostUnreachable
from pool.records import ContainerSpec
from tests.rigs.engines.light_engine import SERVE
from tests.rigs.engines.light_host import light_host
from tests.rigs.engines.tiny_image import TinyImage, busybox_image

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.integration


@pytest.fixture
def spec(image):
    labels = {"dockerdriver.namespace": "dd-test", "dockerdriver.instance": "alice"}
    return ContainerSpec("dd-alice", image.id, port=8888, host_port=20001, memory_mb=32, labels=labels, init=False)


@pytest.fixture
def engine(host):
    yield host.engine
    for state in host.engine.containers({}):
        host.engine.remove(state.id)


def refused(engine, spec):
    with pytest.raises(EngineTrouble) as refusal:
        engine.run(spec)
    return refusal.value.blame


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"environment": {"": "x"}}, blame.BAD_REQUEST),
        ({"environment": {"A": "x\0y"}}, blame.BAD_REQUEST),
        ({"command": ("jupyter-labb",)}, blame.BAD_BLUEPRINT),
        ({"command": ("/nope/jupyter-lab",)}, blame.BAD_BLUEPRINT),
        ({"command": ("/bin",)}, blame.BAD_BLUEPRINT),
        ({"capabilities": ("NOSUCH",)}, blame.BAD_BLUEPRINT),
        ({"user": "nosuch"}, blame.BAD_BLUEPRINT),
        ({"user": "1000:nosuch"}, blame.BAD_BLUEPRINT),
        ({"user": "99999999999"}, blame.BAD_BLUEPRINT),
        ({"memory_mb": 1}, blame.BAD_BLUEPRINT),
        ({"image": "sha256:" + "0" * 64}, blame.IMAGE_GONE),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else value.party,
)
def test_a_container_that_cannot_be_is_not_held_against_the_host(engine, spec, change, expected):
    assert refused(engine, replace(spec, **change)) is expected
    assert not expected.counts


def test_an_image_that_no_engine_could_run_is_the_images_own_fault(engine, host, spec):
    useless = TinyImage("useless:latest", busybox_image("tiny", SERVE).layers, {"Env": ["PATH=/bin"]})
    engine.load([useless.archive()])
    assert refused(engine, replace(spec, image=useless.id)) is blame.BAD_IMAGE


def test_a_port_that_is_taken_is_the_hosts_trouble(engine, spec):
    engine.run(spec)
    assert refused(engine, replace(spec, name="dd-bob")) is blame.PORT_TAKEN


def test_a_name_that_another_owner_has_is_not_the_hosts_fault(engine, spec):
    engine.run(spec)
    assert refused(engine, replace(spec, labels={"dockerdriver.instance": "bob"})) is blame.OTHERS_NAME


def test_two_tries_of_one_session_that_meet_are_no_fault_of_the_host_and_worth_another_try(engine, spec):
    engine.run(spec)
    with pytest.raises(EngineTrouble) as refusal, engine.client("create it again") as client:
        client.create_container(spec.image, name=spec.name)
    assert refusal.value.blame is blame.NAME_TAKEN


def test_a_container_that_was_removed_meanwhile_is_not_the_hosts_fault(engine):
    with pytest.raises(EngineTrouble) as refusal:
        engine.start("dd-gone")
    assert refusal.value.blame is blame.CONTAINER_GONE


def test_a_disk_without_space_is_the_hosts_trouble(authority):
    with light_host(authority, disk_mb=60) as small:
        tiny = busybox_image("tiny", SERVE)
        small.engine.load([tiny.archive()])
        with (small.root / "data" / "filling").open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
            while True:
                file.write(os.urandom(1 << 16))
        wanted = ContainerSpec("dd-alice", tiny.id, port=8888, host_port=20001, memory_mb=32)
        assert refused(small.engine, wanted) is blame.NO_SPACE


def test_an_engine_that_restarts_is_out_of_reach_and_worth_another_try(engine, host, spec):
    host.stop()
    try:
        with pytest.raises(HostUnreachable) as refusal:
            engine.run(spec)
    finally:
        host.start()
    assert refusal.value.blame is blame.UNREACHABLE
    engine.run(spec)
