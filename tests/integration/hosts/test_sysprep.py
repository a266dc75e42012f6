"""The configured host becomes an image, and another boots from it: what came along, what did not, what is left to do.

The configured host is of no further use then: these tests come last of those that share it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from blocks.host_setup.sysprep import give_certificate, playbook_digest, read_mark, sysprep
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.configured_host import Configured
from tests.rigs.hosts.local_host import booted
from tests.rigs.hosts.playbook_host import of_authority, variables_of
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.engine",)
pytestmark = pytest.mark.integration

IMAGE = "dd-test-baking"
WHO = {
    "machine id": "cat /etc/machine-id",
    "engine": "docker info --format '{{.ID}}'",
    "host key": "cat /etc/ssh/ssh_host_ed25519_key.pub",
    "certificate": "openssl x509 -in /etc/docker/tls/server.pem -noout -serial",
    "name": "hostname",
}
#: What the tests before have left in the engine
EMPTY = "docker ps -aq | xargs -r docker rm -f; docker images -q | sort -u | xargs -r docker rmi -f"
CERTIFICATE = ("docker_ca_certificate", "docker_server_certificate", "docker_server_key")
# An image whose last layer is nothing but the mark of a deleted file
DELETED = "docker run --name gone tiny busybox rm /index.html && docker commit gone gone && docker rm gone"


@dataclass
class Baked:
    """A host, the image that was made of it, and a host that booted from that."""

    source: Configured
    before: dict[str, str]  # who the source was
    key: str  # of the source's engine
    images: str  # what its engine had
    host: Configured
    mark: str
    enabled: str  # whether the engine would start by itself


def identity(host: Configured) -> dict[str, str]:
    return {what: host.root(command) for what, command in WHO.items()}


@pytest.fixture(scope="module")
def baked(configured) -> Iterator[Baked]:
    configured.root(EMPTY)
    tiny = busybox_image("tiny", ("true",), {"index.html": b"here"})
    configured.root("docker load", stdin=tiny.archive())
    configured.root(DELETED)
    before, images = identity(configured), configured.root("docker images --no-trunc -q")
    key = configured.root("sed -n '/BEGIN.*PRIVATE/,/END.*PRIVATE/p' /etc/docker/tls/server.pem")
    sysprep(configured.shell, playbook_digest(configured.run.variables))
    cloud = configured.host.cloud
    try:
        made = cloud.snapshot(configured.host.name, IMAGE, "recipe")
        with like(configured, made.id) as host:
            mark, enabled = read_mark(host.shell), host.shell.run("systemctl is-enabled docker || true", 30)
            given = (str(host.run.variables[name]) for name in CERTIFICATE)
            give_certificate(host.shell, *given)
            yield Baked(configured, before, key, images, host, mark, enabled.strip())
    finally:
        for image in cloud.snapshots():
            cloud.delete_snapshot(image)


@contextmanager
def like(configured: Configured, image: str) -> Iterator[Configured]:
    """Another host of the same cloud, authority and networks, that boots from an image."""
    networks = {"firewall_networks": configured.run.variables["firewall_networks"]}  # other tests here come and go
    with booted(configured.host.cloud, "host", image) as host:
        variables = variables_of(host, configured.authority) | networks
        with of_authority(host, configured.authority, variables) as bare:
            yield Configured(**vars(bare), report=configured.report, lines=[])


def test_the_mark_says_by_which_playbook_the_image_was_configured(baked):
    assert baked.mark == playbook_digest(baked.host.run.variables)


def test_the_host_has_every_image_of_the_source_and_runs_it(baked):
    assert baked.host.root("docker images --no-trunc -q") == baked.images != ""
    baked.host.root("docker run --rm tiny")


def test_the_host_is_another_one(baked):
    now = identity(baked.host)
    assert [what for what in WHO if now[what] == baked.before[what]] == []
    assert now["name"] == "host"


def test_the_engine_waits_until_the_host_has_its_own_certificate(baked):
    assert baked.enabled == "disabled"


def test_nothing_secret_of_the_source_came_along(baked):
    source = baked.source.host
    needles = [pem.splitlines()[2] for pem in (source.key.private, baked.key)] + [source.login.public_key.split()[1]]
    look = "grep -rlF --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -f - / || true"
    assert baked.host.root(look, stdin="\n".join(needles).encode(), seconds=120) == ""


def test_the_whole_playbook_finds_nothing_left_to_do(baked):
    report, lines = baked.host.again()
    assert (report.changed, report.failed) == (0, 0), [line for line in lines if "changed" in line]


def test_layers_of_images_are_not_copied_but_those_with_marks_of_deleted_files(baked):
    assert baked.host.root("docker run --rm tiny busybox ls /index.html") == "/index.html"
    assert "index.html" not in baked.host.root("docker run --rm gone busybox ls /")
    layers, mounted = baked.host.root("ls -d /var/lib/docker/overlay2/*/diff").split(), mounted_layers(baked.host)
    assert len(layers) - len(mounted) == 1


def test_a_session_is_held_to_its_network_rate_on_a_host_that_booted_from_an_image(baked):
    baked.host.root("docker run -d --name limited --label dockerdriver.network_mbit=8 tiny busybox sleep 1000")
    until(lambda: "qdisc tbf" in baked.host.root("docker exec limited busybox ip link show dev eth0"), "it is", 60)
    baked.host.root("docker rm -f limited")


def test_an_image_that_the_engine_removes_stays_away_when_the_host_boots_again(baked):
    before = mounted_layers(baked.host)
    baked.host.root("docker rmi gone tiny")
    baked.host.root("docker load", stdin=busybox_image("again", ("true",)).archive())
    baked.host.host.reboot()
    baked.host.shell.wait_for_ssh(120)
    assert (before != [], mounted_layers(baked.host)) == (True, [])
    baked.host.root("docker run --rm again")


def mounted_layers(host: Configured) -> list[str]:
    return host.root("awk '$5 ~ \"/overlay2/.*/diff$\" {print $5}' /proc/self/mountinfo").split()
