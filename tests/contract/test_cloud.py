"""What every cloud must do; then what only the local one must."""

import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import docker
import pytest

from blocks import system_container
from blocks.cloud import Cloud, Server, ServerRequest, ServerStatus
from blocks.host_keys import HostKey, HostLogin, new_host_key
from blocks.local_cloud import LocalCloud, LocalFlavor
from blocks.static_cloud import StaticCloud, StaticMachine
from blocks.system_container import make_container
from blocks.user_data import cloud_config
from pool.errors import CloudRefused, CloudTrouble
from runtime.host_image import build_host_image

pytest_plugins = ("tests.rigs.engine",)
pytestmark = pytest.mark.contract

NAMESPACE = f"dd-test-cloud-{os.getpid()}"
KEY, LOGIN = new_host_key(), HostLogin.create()
SSH_SECONDS = 60


def request(host: str, key: HostKey = KEY, flavor: str = "small", image: str = "bare") -> ServerRequest:
    return ServerRequest(host, "main", flavor, image, cloud_config(host, LOGIN.public_key, key.private, key.public))


@dataclass
class Rig:
    """A cloud to be tested: the factory opens it for one namespace."""

    open: Callable[[str], Cloud]
    cloud: Cloud


@pytest.fixture(scope="session")
def host_image(engine_url) -> str:
    return build_host_image(engine_url, Path(gettempdir()), print)


@pytest.fixture(scope="session")
def open_local(engine_url, host_image) -> Callable[[str], LocalCloud]:
    def open_cloud(namespace: str) -> LocalCloud:
        flavors = {"small": LocalFlavor(memory_mb=1024, cpus=2)}
        return LocalCloud(engine_url=engine_url, namespace=namespace, flavors=flavors, images={"bare": host_image})

    return open_cloud


def emptied(cloud: Cloud) -> None:
    for server in cloud.list():
        cloud.delete(server.host)


@pytest.fixture
def local(open_local) -> Iterator[Rig]:
    clouds: list[Cloud] = []

    def open_cloud(namespace: str) -> Cloud:
        clouds.append(open_local(namespace))
        return clouds[-1]

    yield Rig(open_cloud, open_cloud(NAMESPACE))
    for cloud in clouds:
        emptied(cloud)


@pytest.fixture(scope="module")
def machines(open_local) -> Iterator[list[StaticMachine]]:
    """Three machines that an operator could list; the first one really runs."""
    cloud = open_local(f"{NAMESPACE}-machines")
    try:
        addresses = [cloud.create(request("metal")).address, "192.0.2.2", "192.0.2.3"]
        yield [StaticMachine(name=f"m{n}", address=a, host_key=KEY.public) for n, a in enumerate(addresses)]
    finally:
        emptied(cloud)


@pytest.fixture
def static(machines, tmp_path) -> Rig:
    def open_cloud(namespace: str) -> Cloud:
        return StaticCloud(machines=machines, namespace=namespace, assignments=str(tmp_path / "taken.sqlite"))

    return Rig(open_cloud, open_cloud(NAMESPACE))


@pytest.fixture(params=["local", "static"])
def rig(request) -> Rig:
    return request.getfixturevalue(request.param)


def ssh(server: Server, key: str, where: Path, command: str = "true") -> subprocess.CompletedProcess:
    """Log in as OpenSSH's own client does that believes this host key and no other."""
    (where / "known").write_text(f"{server.address} {key}\n")
    (where / "login").write_text(LOGIN.private_key.get_secret_value())
    (where / "login").chmod(0o600)
    options = ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={where}/known", "ConnectTimeout=5", "BatchMode=yes"]
    client = ["ssh", "-i", where / "login", *(word for option in options for word in ("-o", option))]
    return subprocess.run(
        [*client, f"{LOGIN.user}@{server.address}", command], capture_output=True, text=True, check=False
    )


def ssh_when_it_answers(server: Server, key: str, where: Path, command: str = "true") -> subprocess.CompletedProcess:
    until = time.monotonic() + SSH_SECONDS
    while (done := ssh(server, key, where, command)).returncode == 255 and time.monotonic() < until:
        time.sleep(0.1)
    return done


def test_a_created_server_is_found_with_its_name_and_pool(rig):
    made = rig.cloud.create(request("h-1"))
    assert (made.host, made.pool, made.status) == ("h-1", "main", ServerStatus.ACTIVE)
    assert rig.cloud.find("h-1") == made


def test_a_host_that_was_never_made_is_not_found(rig):
    assert rig.cloud.find("h-1") is None


def test_created_twice_is_one_server(rig):
    first, second = rig.cloud.create(request("h-1")), rig.cloud.create(request("h-1"))
    assert first == second
    assert rig.cloud.list() == [first]


def test_created_twice_at_once_is_one_server(rig):
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(rig.cloud.create, [request("h-1"), request("h-1")])
    assert first.id == second.id
    assert len(rig.cloud.list()) == 1


def test_hosts_made_at_once_get_addresses_of_their_own(rig):
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(rig.cloud.create, [request(f"h-{n}") for n in range(3)]))
    assert len({server.address for server in made}) == 3
    assert {server.host for server in rig.cloud.list()} == {"h-0", "h-1", "h-2"}


def test_deleting_twice_is_harmless_and_the_server_is_gone(rig):
    rig.cloud.create(request("h-1"))
    rig.cloud.delete("h-1")
    rig.cloud.delete("h-1")
    assert (rig.cloud.find("h-1"), rig.cloud.list()) == (None, [])


def test_deleting_one_host_leaves_the_others(rig):
    rig.cloud.create(request("h-1"))
    other = rig.cloud.create(request("h-10"))
    rig.cloud.delete("h-1")
    assert [server.id for server in rig.cloud.list()] == [other.id]


def test_a_namespace_sees_and_deletes_only_its_own(rig):
    ours, stranger = rig.cloud.create(request("h-1")), rig.open(f"{NAMESPACE}-other")
    theirs = stranger.create(request("h-1"))
    stranger.delete("h-1")
    assert ours.id != theirs.id
    assert [server.id for server in rig.cloud.list()] == [ours.id]


def test_a_host_without_a_server_has_an_empty_console(rig):
    assert rig.cloud.console_log("h-1") == ""


def test_the_server_proves_itself_with_the_recorded_key_and_lets_our_login_in(rig, tmp_path):
    server = rig.cloud.create(request("h-1"))
    key = server.host_key or KEY.public
    assert ssh_when_it_answers(server, key, tmp_path, "sudo -n id -u").stdout == "0\n"


def test_a_server_is_not_believed_with_another_key(machines, static, tmp_path):
    server = static.cloud.create(request("h-1"))
    ssh_when_it_answers(server, KEY.public, tmp_path)
    refused = ssh(server, new_host_key().public, tmp_path)
    assert (refused.returncode, "Host key verification failed" in refused.stderr) == (255, True)


# The local cloud alone


def restarted(cloud: LocalCloud, host: str) -> None:
    client = docker.DockerClient(base_url=cloud.engine_url)
    client.containers.get(f"{NAMESPACE}-{host}").restart(timeout=10)
    client.close()


def leftovers(engine: docker.DockerClient) -> int:
    labels = {"label": f"dockerdriver.namespace={NAMESPACE}"}
    return len(engine.containers.list(all=True, filters=labels)) + len(engine.networks.list(filters=labels))


@pytest.fixture
def engine(engine_url) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=engine_url)
    yield client
    client.close()


def test_a_restarted_host_keeps_address_key_and_files(local, tmp_path):
    server = local.cloud.create(request("h-1"))
    assert ssh_when_it_answers(server, KEY.public, tmp_path, "sudo touch /kept").returncode == 0
    restarted(local.cloud, "h-1")
    assert local.cloud.find("h-1").address == server.address
    assert ssh_when_it_answers(server, KEY.public, tmp_path, "ls /kept").stdout == "/kept\n"


def test_the_console_shows_that_the_host_boots(local):
    local.cloud.create(request("h-1"))
    until = time.monotonic() + SSH_SECONDS
    while "systemd" not in local.cloud.console_log("h-1", lines=200) and time.monotonic() < until:
        time.sleep(0.1)
    assert "\x1b" not in local.cloud.console_log("h-1", lines=200)
    assert len(local.cloud.console_log("h-1", lines=3).splitlines()) <= 3


def test_the_last_host_takes_network_and_volumes_with_it(local, engine):
    container = engine.containers.get(local.cloud.create(request("h-1")).id)
    volumes = {mount["Name"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"}
    local.cloud.delete("h-1")
    assert len(volumes) == 2
    assert volumes.isdisjoint(volume.name for volume in engine.volumes.list())
    assert leftovers(engine) == 0


def test_the_flavor_limits_the_memory(local, engine):
    config = engine.containers.get(local.cloud.create(request("h-1")).id).attrs["HostConfig"]
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
        local.cloud.create(dataclasses.replace(request("h-1"), **change))
    assert leftovers(engine) == 0


def test_a_host_whose_maker_died_is_shown_as_broken_and_made_again(local, engine, host_image, tmp_path, monkeypatch):
    address = local.cloud.create(request("h-0")).address.rpartition(".")[0] + ".9"
    make_container(engine, NAMESPACE, request("h-1", key=new_host_key()), host_image, address)
    assert local.cloud.find("h-1").status is ServerStatus.BUILD
    monkeypatch.setattr(system_container, "STARTING_SECONDS", -1)
    assert local.cloud.find("h-1").status is ServerStatus.ERROR
    server = local.cloud.create(request("h-1"))
    assert ssh_when_it_answers(server, KEY.public, tmp_path).returncode == 0


def test_an_address_that_somebody_took_meanwhile_is_replaced_by_the_next(local, monkeypatch):
    taken = local.cloud.create(request("h-0")).address
    choices = iter([taken, f"{taken.rpartition('.')[0]}.77"])  # as if h-0 had not been there when we looked
    monkeypatch.setattr("blocks.local_cloud.free_address", lambda subnet, addresses: next(choices))
    assert local.cloud.create(request("h-1")).address.endswith(".77")
    assert local.cloud.find("h-0").address == taken


def test_a_container_of_that_name_that_is_not_ours_is_left_alone(local, engine, host_image):
    foreign = engine.containers.create(host_image, name=f"{NAMESPACE}-h-1")
    try:
        with pytest.raises(CloudRefused, match=f"container {NAMESPACE}-h-1 exists and is not ours"):
            local.cloud.create(request("h-1"))
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


# The static cloud alone


def test_a_machine_that_is_given_back_is_taken_again(static):
    made = [static.cloud.create(request(f"h-{n}")) for n in range(3)]
    with pytest.raises(CloudRefused, match="host h-3: every machine for flavor small is taken: m0, m1, m2"):
        static.cloud.create(request("h-3"))
    static.cloud.delete("h-1")
    assert static.cloud.create(request("h-3")).address == made[1].address


def test_a_machine_that_left_the_list_is_an_error_of_its_host(static):
    static.cloud.create(request("h-1"))
    shorter = static.cloud.model_copy(update={"machines": static.cloud.machines[1:]})
    assert (shorter.find("h-1").status, shorter.find("h-1").fault) == (
        ServerStatus.ERROR,
        "machine m0 is no longer in the list",
    )


def test_two_machines_of_one_address_are_not_accepted(machines):
    with pytest.raises(ValueError, match=r"two machines have the address 192\.0\.2\.2"):
        StaticCloud(machines=[*machines, machines[1].model_copy(update={"name": "again"})])
