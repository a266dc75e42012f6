"""The playbook on a real host: systemd, sshd, an engine, its networks and its disk."""

import json
import ssl

import pytest
from paramiko import ChannelException

from blocks.host_setup.login_keys import let_in
from blocks.host_setup.shell import HostShell
from blocks.host_setup.sysprep import knows_authorities, renew_certificate
from blocks.stored.authority import CertificateAuthority
from pool.errors import HostUnreachable
from tests.rigs.engines.engine_tls import client_context, ping_engine
from tests.rigs.hosts.configured_host import RESTART
from tests.rigs.hosts.playbook_host import variables_of

pytest_plugins = ("tests.rigs.hosts.playbook_host",)
pytestmark = pytest.mark.integration


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


# ---- networks of its own


@pytest.mark.nightly
def test_the_bridge_and_its_pools_are_where_the_operator_says(configured, playbook_of, session_image):
    bridge = {"docker_bip": "10.200.0.1/24", "docker_address_pools": [{"base": "10.201.0.0/16", "size": 24}]}
    try:
        configured.again(playbook_of("docker"), **bridge)
        check_networks(configured, session_image)
    finally:
        configured.root("systemctl stop docker; ip link delete docker0")
        configured.again(playbook_of("docker"))


def check_networks(configured, image):
    assert "10.200.0.1/24" in configured.root("ip -4 -o address show docker0")
    assert configured.root(f"docker run --rm {image} /bin/busybox hostname -i").startswith("10.200.0.")
    other = configured.root("docker network create other && docker network inspect -f '{{json .IPAM.Config}}' other")
    configured.root("docker network rm other")
    assert "10.201." in other


@pytest.mark.nightly
def test_containers_send_no_larger_packets_than_the_hosts_network_takes(configured, playbook_of, session_image):
    device = configured.root("ip route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/'")
    shown = f"docker run --rm {session_image} /bin/busybox cat /sys/class/net/eth0/mtu"
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
    configured.root("truncate -s 64M /var/lib/docker/volume.img")
    device = configured.loop_device("/var/lib/docker/volume.img")
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


# ---- swap


@pytest.fixture
def disk(configured, volume):
    """A file system on the host that a swap file may be on: its own is in layers. What swaps there is stopped."""
    configured.root(f"mkfs.ext4 -q {volume}; mkdir /data; mount {volume} /data")
    yield "/data"
    configured.root("swapoff /data/swap || true; sed -i '/swap sw/d' /etc/fstab")


@pytest.mark.nightly
def test_a_host_swaps_to_a_file_of_the_size_that_is_asked_for_and_again_after_a_boot(configured, disk, playbook_of):
    swap = {"playbook": playbook_of("storage"), "storage_swap_mb": 24, "storage_swap_file": f"{disk}/swap"}
    assert configured.again(**swap)[0].changed == 3  # the file, the line in fstab, its use
    assert configured.root("stat -c '%s %a %U' /data/swap") == "25165824 600 root"
    kilobytes = int(configured.root("awk '/data.swap/ {print $3}' /proc/swaps"))
    assert 24_000 <= kilobytes < 24 * 1024  # all but its head, and what does not fill a page
    assert configured.again(**swap)[0].changed == 0
    configured.root("swapoff /data/swap; swapon --all")  # as a machine does that boots
    assert "/data/swap" in configured.root("swapon --noheadings --show=NAME")


@pytest.mark.nightly
def test_a_swap_file_that_a_run_left_half_written_is_made_anew(configured, disk, playbook_of):
    configured.root(f"echo half > {disk}/swap.new")
    swap = {"playbook": playbook_of("storage"), "storage_swap_mb": 24, "storage_swap_file": f"{disk}/swap"}
    assert configured.again(**swap)[0].changed == 3
    assert configured.root("ls /data").split() == ["lost+found", "swap"]
