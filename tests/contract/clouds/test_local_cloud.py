"""What the local cloud alone must do: its hosts are containers, and this machine's own."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from blocks.clouds.local import system_container
from blocks.clouds.local.cloud import LocalCloud
from blocks.clouds.local.system_container import make_container
from blocks.clouds.port import ServerStatus
from blocks.stored.host_keys import new_host_key
from pool.errors import CloudRefused, CloudTrouble
from tests.rigs.hosts.clouds import KEY, NAMESPACE, SSH_SECONDS, server_request, ssh_when_it_answers
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.engine", "tests.rigs.hosts.cloud_fixtures")
pytestmark = pytest.mark.contract


def restarted(cloud: LocalCloud, host: str) -> None:
    client = docker.DockerClient(base_url=cloud.engine_url)
    client.containers.get(f"{NAMESPACE}-{host}").restart(timeout=10)
    client.close()


def leftovers(engine: docker.DockerClient) -> int:
    labels: dict[str, Any] = {"label": f"dockerdriver.namespace={NAMESPACE}"}
    return len(engine.containers.list(all=True, filters=labels)) + len(engine.networks.list(filters=labels))


@pytest.fixture
def engine(engine_url) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=engine_url)
    yield client
    client.close()


def test_a_restarted_host_keeps_address_key_and_files(local, tmp_path):
    server = local.cloud.create(server_request("h-1"))
    assert ssh_when_it_answers(server, KEY.public, tmp_path, "sudo touch /kept").returncode == 0
    restarted(local.cloud, "h-1")
    assert local.cloud.find("h-1").address == server.address
    assert ssh_when_it_answers(server, KEY.public, tmp_path, "ls /kept").stdout == "/kept\n"


def test_a_host_in_which_something_is_frozen_is_removed_like_any_other(local, engine):
    if engine.api.info()["CgroupVersion"] != "1":
        pytest.skip("only by cgroups of version 1 a frozen process does not die")
    container = engine.containers.get(local.cloud.create(server_request("h-1")).id)
    group = "/sys/fs/cgroup/freezer/standby"
    begin = f"mkdir -p {group} && (sleep 600 >/dev/null 2>&1 & echo $! > {group}/cgroup.procs)"
    freeze = f"echo FROZEN > {group}/freezer.state && cat {group}/freezer.state"
    frozen = ["sh", "-c", f"{begin} && {freeze}"]
    until(lambda: container.exec_run(frozen).output.startswith(b"FR"), "it is frozen: systemd mounts the groups", 30)
    local.cloud.delete("h-1")
    assert local.cloud.find("h-1") is None


def test_the_console_shows_that_the_host_boots(local):
    local.cloud.create(server_request("h-1"))
    until = time.monotonic() + SSH_SECONDS
    while "systemd" not in local.cloud.console_log("h-1", lines=200) and time.monotonic() < until:
        time.sleep(0.1)
    assert "\x1b" not in local.cloud.console_log("h-1", lines=200)
    assert len(local.cloud.console_log("h-1", lines=3).splitlines()) <= 3


def test_the_last_host_takes_network_and_volumes_with_it(local, engine):
    container = engine.containers.get(local.cloud.create(server_request("h-1")).id)
    volumes = {mount["Name"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"}
    local.cloud.delete("h-1")
    assert len(volumes) == 2
    assert volumes.isdisjoint(volume.name for volume in engine.volumes.list())
    assert leftovers(engine) == 0


def test_the_flavor_limits_the_memory(local, engine):
    config = engine.containers.get(local.cloud.create(server_request("h-1")).id).attrs["HostConfig"]
    assert (config["Memory"], config["MemorySwap"]) == (1024 * 2**20, 1024 * 2**20)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"flavor": "huge"}, "no flavor 'huge'; it has: small"),
        ({"image": "windows"}, "no image 'windows'; it has: bare"),
    ],
)
def test_what_the_cloud_does_not_have_is_refused_with_what_it_has(local, engine, change, sentence):
    with pytest.raises(CloudRefused, match=sentence):
        local.cloud.create(dataclasses.replace(server_request("h-1"), **change))
    assert leftovers(engine) == 0


def test_a_host_whose_maker_died_is_shown_as_broken_and_made_again(local, engine, host_image, tmp_path, monkeypatch):
    address = local.cloud.create(server_request("h-0")).address.rpartition(".")[0] + ".9"
    make_container(engine, NAMESPACE, server_request("h-1", key=new_host_key()), host_image, address)
    assert local.cloud.find("h-1").status is ServerStatus.BUILD
    monkeypatch.setattr(system_container, "STARTING_SECONDS", -1)
    assert local.cloud.find("h-1").status is ServerStatus.ERROR
    server = local.cloud.create(server_request("h-1"))
    assert ssh_when_it_answers(server, KEY.public, tmp_path).returncode == 0


def test_a_data_volume_that_is_asked_for_is_none_of_this_cloud_s_business(local):
    server = local.cloud.create(dataclasses.replace(server_request("h-1"), data_volume_gb=24))
    assert (server.status, local.cloud.data_device) == (ServerStatus.ACTIVE, "")


def test_an_address_that_was_taken_meanwhile_is_replaced_by_the_next(local, monkeypatch):
    taken = local.cloud.create(server_request("h-0")).address
    choices = iter([taken, f"{taken.rpartition('.')[0]}.77"])  # as if h-0 had not been there when we looked
    monkeypatch.setattr("blocks.clouds.local.cloud.free_address", lambda subnet, addresses: next(choices))
    assert local.cloud.create(server_request("h-1")).address.endswith(".77")
    assert local.cloud.find("h-0").address == taken


def test_a_container_of_that_name_that_is_not_ours_is_left_alone(local, engine, host_image):
    foreign = engine.containers.create(host_image, name=f"{NAMESPACE}-h-1")
    try:
        with pytest.raises(CloudRefused, match=f"another owner's container is named {NAMESPACE}-h-1"):
            local.cloud.create(server_request("h-1"))
        local.cloud.delete("h-1")
        assert engine.containers.get(foreign.id).name == f"{NAMESPACE}-h-1"
    finally:
        foreign.remove(force=True)


def test_an_engine_that_does_not_answer_is_trouble_not_absence():
    cloud = LocalCloud(engine_url="unix:///run/no-such-engine.sock", namespace=NAMESPACE)
    with pytest.raises(
        CloudTrouble, match=r"no Docker Engine answers at unix:///run/no-such-engine\.sock to find host h-1"
    ):
        cloud.find("h-1")
