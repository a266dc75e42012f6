"""The playbook on a real host: systemd, sshd, cloud-init; an engine and containers in it."""

import json
import shlex
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from blocks.authority import CertificateAuthority
from blocks.host_keys import new_host_key
from blocks.playbook import PlaybookReport, PlaybookRun, host_variables, run_playbook
from blocks.shell import CommandFailed, HostShell, WrongHostKey
from pool.errors import HostUnreachable, PlaybookFailed
from tests.rigs.leftovers import processes_of
from tests.rigs.local_host import LocalHost, local_host
from tests.rigs.tiny_image import busybox_image

pytestmark = pytest.mark.integration

METADATA = "169.254.169.254"
NEIGHBOUR = "198.18.0.2"
SESSION_PORT = 20000
FACTS = ["!all", "!min", "distribution"]


@dataclass
class Configured:
    """The host, and what its first run of the playbook did."""

    host: LocalHost
    shell: HostShell
    authority: CertificateAuthority
    run: PlaybookRun
    directory: Path
    report: PlaybookReport
    lines: list[str] = field(default_factory=list)

    def again(self, playbook: Path | None = None, **variables) -> tuple[PlaybookReport, list[str]]:
        """Run the playbook or another once more, with some variables changed; its report and its lines."""
        lines = []
        variables = {**self.run.variables, **variables}
        run = replace(self.run, playbook=playbook or self.run.playbook, variables=variables)
        return run_playbook(run, lines.append, 300, self.directory), lines

    def root(self, command: str, stdin: bytes = b"") -> str:
        """Run a shell command line on the host as root."""
        return self.shell.run(f"sudo sh -c {shlex.quote(command)}", timeout=60, stdin=stdin).strip()

    def reaches(self, container: str, address: str, port: int) -> bool:
        """Whether a container gets a TCP connection there."""
        try:
            self.root(f"docker exec {container} /bin/busybox nc -w 2 {address} {port} -e /bin/true")
        except CommandFailed:
            return False
        return True


#: systemd gives up on a service that is started more often in a minute than it likes, and these tests are quick.
RESTART = "systemctl reset-failed docker; systemctl restart docker"


@pytest.fixture(scope="module")
def directory():
    with TemporaryDirectory(prefix="dd-") as short:
        yield Path(short)


@pytest.fixture(scope="module")
def configured(directory, engine_url):
    with local_host("playbook", engine_url) as host, host.shell() as shell:
        authority = CertificateAuthority.create("test authority")
        run = PlaybookRun(host.name, host.address, host.host_key, host.login, variables_of(host, authority))
        lines = []
        report = run_playbook(run, lines.append, 300, directory)
        yield Configured(host, shell, authority, run, directory, report, lines)


def variables_of(host, authority):
    issued = authority.issue_server(host.name, host.address, days=90)
    return host_variables(
        host=host.name,
        ca_certificate=authority.certificate,
        server_certificate=issued.certificate,
        server_key=issued.private_key,
        blocked_networks=["198.18.0.0/15"],
        nameservers=[NEIGHBOUR],
    )


@pytest.fixture(scope="module")
def image(configured):
    image = busybox_image("tiny", ("httpd", "-f", "-p", "8888", "-h", "/"), {"index.html": b"here"})
    configured.root("docker load", stdin=image.archive())
    return image.name


@pytest.fixture
def containers(configured, image):
    """Two sessions; the first one is published on a session port."""
    try:
        configured.root(f"docker run -d --name one -p {SESSION_PORT}:8888 {image}; docker run -d --name two {image}")
        yield "one", "two"
    finally:
        configured.root("docker rm -f one two")


@pytest.fixture
def cloud(configured):
    """The metadata service and a neighbour in a blocked network; the host itself reaches both, on two ports."""
    serve = "systemd-run --quiet --unit cloud-{port} ip netns exec cloud python3 -m http.server {port}"
    configured.root(
        "ip netns add cloud; ip link add cloud0 type veth peer name eth0 netns cloud; ip link set cloud0 up;"
        " ip addr add 169.254.0.1/16 dev cloud0; ip addr add 198.18.0.1/15 dev cloud0; ip -n cloud link set eth0 up;"
        f" ip -n cloud addr add {METADATA}/16 dev eth0; ip -n cloud addr add {NEIGHBOUR}/15 dev eth0;"
        f" ip -n cloud route add default via 169.254.0.1; {serve.format(port=80)}; {serve.format(port=53)}"
    )
    for address, port in [(METADATA, 80), (NEIGHBOUR, 80), (NEIGHBOUR, 53)]:
        eventually(lambda url=f"http://{address}:{port}/": fetches(configured, url))
    yield
    configured.root("systemctl stop cloud-80 cloud-53; ip netns del cloud")


def fetches(configured, url):
    reading = f"import urllib.request; urllib.request.urlopen('{url}', timeout=2)"
    try:
        configured.root(f'python3 -c "{reading}"')
    except CommandFailed:
        return False
    return True


def eventually(check, seconds=10):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@contextmanager
def listening_manager(host):
    """A port of the manager, on the address that the host sees it under."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host.address, 9))
        ours = probe.getsockname()[0]
    with socket.create_server((ours, 0)) as server:
        yield server.getsockname()


@pytest.fixture
def small_playbook(tmp_path):
    """Writes a playbook of one task, for what has nothing to do with what a playbook does."""

    def write(module, **arguments):
        task = {"name": "Do it", f"ansible.builtin.{module}": arguments}
        path = tmp_path / "small.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return path

    return write


@pytest.fixture
def playbook_of(tmp_path):
    """Writes a playbook of one of our roles."""

    def write(role):
        play = {"hosts": "all", "become": True, "gather_facts": True, "gather_subset": FACTS, "roles": [role]}
        path = tmp_path / f"{role}.yml"
        path.write_text(json.dumps([play]))
        return path

    return write


def client_context(authority, identified=True):
    context = ssl.create_default_context(cadata=authority.certificate)
    if identified:
        with TemporaryDirectory() as folder:
            issued, pem = authority.issue_client("manager", days=1), Path(folder, "client.pem")
            pem.write_text(issued.private_key + issued.certificate)
            context.load_cert_chain(pem)
    return context


def ping_engine(address, context):
    with (
        socket.create_connection((address, 2376), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=address) as connection,
    ):
        connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))


# ---- the whole playbook


def test_a_bare_host_becomes_a_notebook_host(configured):
    assert configured.report.changed > 5
    assert any(
        line.startswith("docker : Install the engine from the distribution — changed") for line in configured.lines
    )


def test_a_second_run_changes_nothing_though_it_brings_a_new_certificate(configured):
    report, lines = configured.again(**variables_of(configured.host, configured.authority))
    assert (report.changed, report.failed) == (0, 0), [line for line in lines if "changed" in line]


def test_no_line_holds_a_secret(configured):
    key = configured.run.variables["docker_server_key"].splitlines()[1]
    assert not any(key in line for line in configured.lines)


def test_configuration_that_is_younger_than_the_engine_restarts_it(configured, playbook_of):
    configured.root("touch /etc/docker/daemon.json")
    report, lines = configured.again(playbook_of("docker"))
    assert any(line.startswith("docker : Restart the engine — changed") for line in lines)
    assert report.changed == 2


# ---- the engine


def test_the_engine_answers_those_who_show_a_certificate(configured):
    answer = ping_engine(configured.host.address, client_context(configured.authority))
    assert answer.endswith(b"OK")


def test_the_engine_refuses_those_who_show_none(configured):
    with pytest.raises(ssl.SSLError, match=r"certificate required|bad certificate"):
        ping_engine(configured.host.address, client_context(configured.authority, identified=False))


def test_the_engine_is_vouched_for_by_our_authority_alone(configured):
    with pytest.raises(ssl.SSLCertVerificationError):
        ping_engine(configured.host.address, client_context(CertificateAuthority.create("another")))


def test_the_engines_key_is_for_root_alone(configured):
    assert configured.root("stat -c '%a %U' /etc/docker/tls/server.pem /etc/docker/tls").split("\n") == [
        "600 root",
        "700 root",
    ]


def test_the_engine_works_as_the_design_says(configured):
    told = json.loads(configured.root("docker info --format '{{json .}}'"))
    assert (told["Driver"], told["LiveRestoreEnabled"]) == ("overlay2", True)


def test_a_container_outlives_a_restart_of_the_engine(configured, containers):
    started = configured.root("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' one")
    configured.root(RESTART)
    assert configured.root("docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' one") == started


# ---- the firewall


def test_the_manager_reaches_a_session(configured, containers):
    eventually(lambda: b"here" in fetch_session(configured.host.address))


def fetch_session(address):
    with socket.create_connection((address, SESSION_PORT), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_container_reaches_the_world_outside(configured, containers):
    with listening_manager(configured.host) as (address, port):
        assert configured.reaches("one", address, port)


def test_a_container_does_not_reach_its_host(configured, containers):
    bridge = configured.root("docker network inspect bridge -f '{{(index .IPAM.Config 0).Gateway}}'")
    doors = [(address, port) for address in (configured.host.address, bridge) for port in (22, 2376)]
    assert [door for door in doors if configured.reaches("one", *door)] == []


def test_a_container_does_not_reach_the_metadata_service(configured, containers, cloud):
    assert not configured.reaches("one", METADATA, 80)


def test_containers_do_not_reach_each_other(configured, containers):
    inside = configured.root("docker inspect -f '{{.NetworkSettings.IPAddress}}' one")
    assert not configured.reaches("two", inside, 8888)
    assert not configured.reaches("two", configured.host.address, SESSION_PORT)


def test_a_container_reaches_a_blocked_network_only_for_names(configured, containers, cloud):
    assert not configured.reaches("one", NEIGHBOUR, 80)
    assert configured.reaches("one", NEIGHBOUR, 53)


def test_rules_that_were_lost_are_back_when_the_engine_is_restarted(configured, containers):
    configured.root("iptables -F INPUT; iptables -F DOCKER-USER")
    assert configured.reaches("one", configured.host.address, 22)
    configured.root(RESTART)
    assert not configured.reaches("one", configured.host.address, 22)


# ---- the data volume


@pytest.fixture
def volume(configured):
    """A blank block device of 64 MB on the host."""
    device = configured.root(
        "truncate -s 64M /var/lib/docker/volume.img; mknod /dev/loop-control c 10 237 2>/dev/null; n=$(losetup -f);"
        " [ -e $n ] || mknod $n b 7 ${n#/dev/loop}; losetup $n /var/lib/docker/volume.img; echo $n"
    )
    yield device
    configured.root(f"umount /data; rm -rf /data; losetup -d {device}; rm /var/lib/docker/volume.img; {RESTART}")


def test_a_blank_volume_is_formatted_and_one_that_holds_data_never(configured, volume, playbook_of):
    storage = {"playbook": playbook_of("storage"), "storage_device": volume, "storage_data_root": "/data"}
    assert configured.again(**storage)[0].changed > 0
    configured.root("echo kept > /data/file; umount /data")
    configured.again(**storage)
    assert configured.root("cat /data/file") == "kept"
    assert configured.again(**storage)[0].changed == 0


def test_a_blank_volume_begins_with_the_images_that_the_host_s_own_image_brought(configured, volume, playbook_of):
    configured.root("mkdir -p /data/image; echo brought > /data/image/file")
    configured.again(playbook=playbook_of("storage"), storage_device=volume, storage_data_root="/data")
    configured.root("findmnt --mountpoint /data")
    assert configured.root("cat /data/image/file") == "brought"


# ---- what goes wrong


def test_a_failed_task_is_one_sentence(configured):
    sentence = (
        "^host playbook: playbook failed at 'storage : Wait for the data volume': "
        "the data volume /dev/absent did not appear within 1 s$"
    )
    with pytest.raises(PlaybookFailed, match=sentence):
        configured.again(storage_device="/dev/absent", storage_device_timeout=1)


def test_a_variable_that_is_missing_is_named(configured, playbook_of):
    variables = {name: value for name, value in configured.run.variables.items() if name != "docker_server_key"}
    run = replace(configured.run, playbook=playbook_of("docker"), variables=variables)
    with pytest.raises(PlaybookFailed, match="missing required arguments: docker_server_key"):
        run_playbook(run, print, 300, configured.directory)


def test_a_playbook_that_is_none_is_one_sentence(configured, tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text("- hosts: all\n  nonsense: 1\n")
    with pytest.raises(PlaybookFailed, match=r"^host playbook: playbook broke off: .*nonsense"):
        run_playbook(replace(configured.run, playbook=broken), print, 60, configured.directory)


def test_a_wrong_host_key_is_refused(configured, small_playbook):
    run = replace(configured.run, host_key=new_host_key().public, playbook=small_playbook("ping"))
    with pytest.raises(WrongHostKey, match="host playbook shows another host key than the one recorded: refused"):
        run_playbook(run, print, 60, configured.directory)


def test_a_closed_port_is_called_unreachable(configured, small_playbook):
    run = replace(configured.run, port=9, playbook=small_playbook("ping"))
    with pytest.raises(HostUnreachable, match=r"^host playbook: ssh does not answer: .*Connection refused"):
        run_playbook(run, print, 60, configured.directory)


def test_a_run_that_takes_too_long_is_ended_with_all_its_processes(configured, small_playbook):
    run = replace(configured.run, playbook=small_playbook("command", cmd="sleep 60"))
    with pytest.raises(PlaybookFailed, match=r"^host playbook: playbook was not done after 3 s, at 'Do it'$"):
        run_playbook(run, print, 3, configured.directory)
    assert (list(configured.directory.iterdir()), processes_of(configured.directory)) == ([], set())


def test_a_run_that_is_cancelled_is_ended(configured, small_playbook):
    run = replace(configured.run, playbook=small_playbook("command", cmd="sleep 60"))
    started = time.monotonic()
    with pytest.raises(PlaybookFailed, match="playbook was cancelled"):
        run_playbook(run, print, 60, configured.directory, cancelled=lambda: time.monotonic() - started > 2)
    assert processes_of(configured.directory) == set()


# ---- how it runs


def test_a_listener_that_fails_leaves_nothing_behind(configured, small_playbook):
    def fail(line):
        raise KeyError(line)

    with pytest.raises(KeyError):
        run_playbook(replace(configured.run, playbook=small_playbook("ping")), fail, 60, configured.directory)
    assert (list(configured.directory.iterdir()), processes_of(configured.directory)) == ([], set())


def test_no_secret_stands_in_a_command_line(configured, small_playbook):
    seen = []
    run = replace(configured.run, playbook=small_playbook("command", cmd="true"))
    run_playbook(run, lambda line: seen.extend(processes_of(configured.directory)), 60, configured.directory)
    secret = configured.run.variables["docker_server_key"].splitlines()[1]
    assert seen
    assert not any(secret in command for command in seen)


def test_four_hosts_are_configured_at_once(configured, small_playbook):
    playbook = small_playbook("command", cmd="sleep 1")
    threads = set()

    def one(name):
        run = replace(configured.run, host=name, playbook=playbook)
        return run_playbook(run, lambda line: threads.add(threading.get_ident()), 60, configured.directory)

    with ThreadPoolExecutor(4) as executor:
        reports = list(executor.map(one, ["a", "b", "c", "d"]))
    assert [report.changed for report in reports] == [1, 1, 1, 1]
    assert len(threads) == 4


def test_it_runs_whatever_the_environment_holds(configured, small_playbook, monkeypatch):
    for name in ("HOME", "PATH", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    strange = {"ANSIBLE_STRATEGY": "none", "ANSIBLE_CONFIG": "/absent", "LC_ALL": "C", "REQUESTS_CA_BUNDLE": "/absent"}
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    report = run_playbook(replace(configured.run, playbook=small_playbook("ping")), print, 60, configured.directory)
    assert report.ok == 1
