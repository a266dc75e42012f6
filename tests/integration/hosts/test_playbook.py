"""The playbook on a real host: systemd, sshd, cloud-init; an engine and containers in it."""

import json
import shlex
import socket
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_interface
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from paramiko import ChannelException

from blocks.host_setup.login_keys import let_in
from blocks.host_setup.playbook import PlaybookReport, run_playbook
from blocks.host_setup.shell import CommandFailed, HostShell
from blocks.host_setup.sysprep import knows_authorities, renew_certificate
from blocks.own_addresses import reachable_addresses
from blocks.stored.authority import CertificateAuthority
from pool.errors import HostUnreachable
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.playbook_host import NEIGHBOUR, PlaybookHost, playbook_host, variables_of

pytest_plugins = ("tests.rigs.hosts.playbook_host",)
pytestmark = pytest.mark.integration

METADATA = "169.254.169.254"
RESOLVER = "198.18.0.3"  # blocked like NEIGHBOUR; no variable of the playbook names it
OTHER_HOST = "10.99.0.2"  # in a private network
WORLD, WORLD_6 = "203.0.113.2", "2001:db8:9::2"
SESSION_PORT = 20000
PORTS = (80, 53, SESSION_PORT)
FIREWALL = "/usr/local/sbin/notebook-firewall"


@dataclass
class Configured(PlaybookHost):
    """The host after the first run of the playbook, and what that did."""

    report: PlaybookReport
    lines: list[str]

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
def configured(engine_url):
    with playbook_host(engine_url) as bare:
        lines = []
        report = run_playbook(bare.run, lines.append, 300, bare.directory)
        yield Configured(**vars(bare), report=report, lines=lines)


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
    """All that may be around a host; the host itself reaches each of them, on three ports."""
    places = {METADATA: 16, NEIGHBOUR: 15, RESOLVER: 15, OTHER_HOST: 24, WORLD: 24}
    serve = "systemd-run --quiet --unit cloud-{port} ip netns exec cloud python3 -m http.server --bind :: {port}"
    configured.root(
        "ip netns add cloud; ip link add cloud0 type veth peer name eth0 netns cloud; ip link set cloud0 up;"
        " ip -n cloud link set eth0 up;"
        + "".join(f" ip -n cloud addr add {address}/{size} dev eth0;" for address, size in places.items())
        + "".join(f" ip addr add {ip_interface(f'{a}/{s}').network[1]}/{s} dev cloud0;" for a, s in places.items())
        + " ip -n cloud route add default via 169.254.0.1;"
        + "".join(serve.format(port=port) + ";" for port in PORTS)
    )
    for address, port in product(places, PORTS):
        eventually(lambda url=f"http://{address}:{port}/": fetches(configured, url))
    yield
    stop = " ".join(f"cloud-{port}" for port in PORTS)
    configured.root(f"systemctl stop {stop}; ip link del cloud0; ip netns del cloud; {FIREWALL}")


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


def reach_from_host(configured, addresses, port):
    connect = "import socket, sys; [socket.create_connection((one, int(sys.argv[1])), 2) for one in sys.argv[2:]]"
    configured.root(f'python3 -c "{connect}" {port} {" ".join(addresses)}')


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
    report, lines = configured.again(
        **variables_of(configured.host, configured.authority)
        | {"firewall_networks": configured.run.variables["firewall_networks"]}  # other tests here come and go
    )
    assert (report.changed, report.failed) == (0, 0), [line for line in lines if "changed" in line]


def test_no_line_holds_a_secret(configured):
    key = configured.run.variables["docker_server_key"].splitlines()[1]
    assert not any(key in line for line in configured.lines)


def test_configuration_that_is_younger_than_the_engine_restarts_it(configured, playbook_of):
    configured.root("touch /etc/docker/daemon.json")
    report, lines = configured.again(playbook_of("docker"))
    assert any(line.startswith("docker : Restart the engine — changed") for line in lines)
    assert report.changed == 2


# ---- sshd


def test_sshd_forwards_nothing(configured):
    said = configured.root("sshd -T").lower().split("\n")
    assert {"allowtcpforwarding no", "allowagentforwarding no", "x11forwarding no", "permittunnel no"} <= set(said)


def test_a_login_is_no_way_to_the_host_s_own_ports(configured):
    with configured.host.shell() as shell:
        shell.run("true", timeout=10)
        transport = shell._client.get_transport()
        with pytest.raises(ChannelException, match="Administratively prohibited"):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 0), timeout=10)


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


def give(configured, authority):
    issued = authority.issue_server(configured.host.name, configured.host.address, days=90)
    renew_certificate(configured.shell, authority.for_hosts, issued.certificate, issued.private_key)


def test_a_container_runs_on_while_the_authority_is_rotated(configured, containers):
    ours, address = configured.authority, configured.host.address
    following, state = ours.with_next(), "docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' one"
    rotated, started = following.promoted(), configured.root(state)
    try:
        for stage in (following, rotated):
            assert not knows_authorities(configured.shell, stage.for_hosts)
            give(configured, stage)
            assert knows_authorities(configured.shell, stage.for_hosts)
            assert ping_engine(address, client_context(stage)).endswith(b"OK")
        with pytest.raises(ssl.SSLError):
            ping_engine(address, client_context(ours))
        assert configured.root(state) == started
    finally:
        give(configured, ours)


def test_the_login_key_is_rotated_and_the_one_before_lets_no_manager_in(configured):
    host, login = configured.host, configured.host.login
    rotated = login.with_next().promoted()
    back = login.model_copy(update={"previous_public_key": rotated.public_key})
    let_in(configured.shell, login.with_next().model_copy(update={"next_public_key": rotated.public_key}))
    with HostShell(host.address, host.host_key, rotated) as shell:
        try:
            let_in(shell, rotated)
            with pytest.raises(HostUnreachable, match="refuses the manager's ssh login"):
                HostShell(host.address, host.host_key, login).run("true", timeout=10)
        finally:
            let_in(shell, back)
    with HostShell(host.address, host.host_key, login) as shell:
        assert shell.run("grep -c . ~/.ssh/authorized_keys", timeout=10).strip() == "1"


# ---- the firewall


def test_the_manager_reaches_a_session(configured, containers):
    eventually(lambda: b"here" in fetch_session(configured.host.address))


def fetch_session(address):
    with socket.create_connection((address, SESSION_PORT), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_container_reaches_the_world_outside(configured, containers, cloud):
    assert configured.reaches("one", WORLD, 80)
    assert configured.reaches("one", WORLD, SESSION_PORT)


def test_a_container_reaches_no_address_of_the_manager(configured, containers):
    there = set(reachable_addresses())  # other tests of this machine come and go
    ours = [one for one in configured.run.variables["firewall_networks"] if one in there and ":" not in one]
    with socket.create_server(("0.0.0.0", 0)) as canary:  # noqa: S104 - what is tried is each address of this machine
        port = canary.getsockname()[1]
        reach_from_host(configured, ours, port)
        assert [one for one in ours if configured.reaches("one", one, port)] == []


def test_a_container_reaches_other_hosts_but_not_their_sessions_and_engines(configured, containers, cloud):
    assert configured.reaches("one", OTHER_HOST, 80)
    assert not configured.reaches("one", OTHER_HOST, SESSION_PORT)


def test_the_network_that_the_host_is_in_counts_as_one_of_other_hosts(configured, containers, cloud):
    assert configured.root(FIREWALL) == "changed"
    assert configured.reaches("one", WORLD, 80)
    assert not configured.reaches("one", WORLD, SESSION_PORT)


def test_a_network_that_is_listed_later_is_blocked_by_the_next_run_and_opened_by_the_one_after(
    configured, containers, cloud, playbook_of
):
    networks, firewall = configured.run.variables["firewall_networks"], playbook_of("firewall")
    report, _ = configured.again(firewall, firewall_networks=[*networks, "203.0.113.0/24", "2001:db8::/32"])
    assert (report.changed, configured.reaches("one", WORLD, 80)) == (2, False)
    configured.again(firewall)
    assert configured.reaches("one", WORLD, 80)


def test_a_container_that_makes_itself_an_ipv6_address_gets_nowhere(configured, containers, cloud):
    pid = configured.root("docker inspect -f '{{.State.Pid}}' one")
    on = " ".join(f"net.ipv6.conf.{link}.disable_ipv6=0" for link in ("all", "docker0", "cloud0"))
    configured.root(
        f"sysctl -q -w {on}; ip netns exec cloud sysctl -q -w {on.split()[0]};"
        f" ip -n cloud addr add {WORLD_6}/64 dev eth0 nodad; ip addr add 2001:db8:9::1/64 dev cloud0 nodad;"
        " ip -n cloud route add default via 2001:db8:9::1; sysctl -q -w net.ipv6.conf.all.forwarding=1;"
        " ip addr add 2001:db8:8::1/64 dev docker0 nodad;"
        f" nsenter -t {pid} -n sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=0;"
        f" nsenter -t {pid} -n ip addr add 2001:db8:8::2/64 dev eth0 nodad;"
        f" nsenter -t {pid} -n ip route add default via 2001:db8:8::1"
    )
    assert not configured.reaches("one", WORLD_6, 80)
    configured.root("ip6tables -F NOTEBOOK-INPUT; ip6tables -P FORWARD ACCEPT")
    eventually(lambda: configured.reaches("one", WORLD_6, 80), 20)  # so that it was the rule
    configured.root(f"ip addr del 2001:db8:8::1/64 dev docker0; {FIREWALL}")


def test_a_container_does_not_reach_its_host(configured, containers):
    bridge = configured.root("docker inspect -f '{{.NetworkSettings.Gateway}}' one")
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


def test_a_container_reaches_the_name_servers_that_the_host_asks(configured, containers, cloud):
    assert not configured.reaches("one", RESOLVER, 53)
    configured.root(f"cp /etc/resolv.conf /root/; echo nameserver {RESOLVER} >> /etc/resolv.conf; {FIREWALL}")
    assert configured.reaches("one", RESOLVER, 53)
    assert not configured.reaches("one", RESOLVER, 80)
    configured.root("cat /root/resolv.conf > /etc/resolv.conf")


def test_rules_that_were_lost_are_back_when_the_engine_is_restarted(configured, containers):
    configured.root("iptables -F INPUT; iptables -F DOCKER-USER")
    assert configured.reaches("one", configured.host.address, 22)
    configured.root(RESTART)
    assert not configured.reaches("one", configured.host.address, 22)


# ---- networks of its own


def test_the_bridge_and_its_pools_are_where_the_operator_says(configured, playbook_of, image):
    bridge = {"docker_bip": "10.200.0.1/24", "docker_address_pools": [{"base": "10.201.0.0/16", "size": 24}]}
    try:
        configured.again(playbook_of("docker"), **bridge)
        check_networks(configured, image)
    finally:
        configured.root("systemctl stop docker; ip link delete docker0")
        configured.again(playbook_of("docker"))


def check_networks(configured, image):
    assert "10.200.0.1/24" in configured.root("ip -4 -o address show docker0")
    assert configured.root(f"docker run --rm {image} /bin/busybox hostname -i").startswith("10.200.0.")
    other = configured.root("docker network create other && docker network inspect -f '{{json .IPAM.Config}}' other")
    configured.root("docker network rm other")
    assert "10.201." in other


def test_containers_send_no_larger_packets_than_the_hosts_network_takes(configured, playbook_of, image):
    device = configured.root("ip route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/'")
    shown = f"docker run --rm {image} /bin/busybox cat /sys/class/net/eth0/mtu"
    assert configured.root(shown) == "1500"
    configured.root(f"ip link set {device} mtu 1400")
    try:
        report, _ = configured.again(playbook_of("docker"))
        assert configured.root(shown) == "1400"
        assert configured.again(playbook_of("docker"))[0].changed == 0
    finally:
        configured.root(f"ip link set {device} mtu 1500; {RESTART}")
    assert report.changed >= 1
    assert configured.root(shown) == "1500"


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
