"""A real host becomes an image, and another boots from it: what came along, what did not, and what is left to do."""

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import pytest
from docker import DockerClient

from blocks.clouds.local.cloud import LocalCloud, LocalFlavor
from blocks.clouds.port import ServerRequest
from blocks.clouds.user_data import cloud_config
from blocks.host_setup.playbook import PlaybookReport, PlaybookRun, host_variables, run_playbook
from blocks.host_setup.shell import HostShell
from blocks.host_setup.sysprep import give_certificate, playbook_digest, read_mark, sysprep
from blocks.stored.authority import CertificateAuthority
from blocks.stored.host_keys import HostKey, HostLogin, new_host_key
from runtime.builds.host_image import build_host_image
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.hosts.playbook_host import PLAYBOOK_SECONDS
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.engine",)
pytestmark = pytest.mark.integration

IMAGE = "dd-test-baking"
AUTHORITY = CertificateAuthority.create("test authority")
WHO = {
    "machine id": "cat /etc/machine-id",
    "engine": "docker info --format '{{.ID}}'",
    "host key": "cat /etc/ssh/ssh_host_ed25519_key.pub",
    "certificate": "openssl x509 -in /etc/docker/tls/server.pem -noout -serial",
    "name": "hostname",
}

# An image whose last layer is nothing but the mark of a deleted file
DELETED = "docker run --name gone tiny busybox rm /index.html && docker commit gone gone && docker rm gone"


class Machine:
    """One host of the local cloud, with keys of its own."""

    def __init__(self, cloud: LocalCloud, name: str, image: str):
        self.key: HostKey = new_host_key()
        self.login = HostLogin.create()
        user_data = cloud_config(name, self.login.public_keys, self.key.private, self.key.public)
        server = cloud.create(ServerRequest(name, "test", "test", image, user_data))
        self.name, self.address = name, server.address
        self.certificate = AUTHORITY.issue_server(name, self.address, days=90)
        self.shell = HostShell(self.address, self.key.public, self.login)
        self.shell.wait_for_ssh(120)

    @property
    def variables(self) -> dict:
        certificate, key = self.certificate.certificate, self.certificate.private_key
        ours = AUTHORITY.certificate
        return host_variables(host=self.name, ca_certificate=ours, server_certificate=certificate, server_key=key)

    def configure(self) -> PlaybookReport:
        run = PlaybookRun(self.name, self.address, self.key.public, self.login, self.variables)
        with TemporaryDirectory(prefix="dd-") as short:
            return run_playbook(run, print, PLAYBOOK_SECONDS, Path(short))

    def root(self, command: str, stdin: bytes = b"") -> str:
        return self.shell.run(f"sudo sh -c {shlex.quote(command)}", timeout=120, stdin=stdin).strip()

    def identity(self) -> dict[str, str]:
        return {what: self.root(command) for what, command in WHO.items()}


@dataclass
class Baked:
    """A host, the image that was made of it, and a host that booted from that."""

    source: Machine
    before: dict[str, str]  # who the source was
    images: str  # what its engine had
    host: Machine
    container: str  # what the host is
    mark: str
    enabled: str  # whether the engine would start by itself


@pytest.fixture(scope="module")
def baked(engine_url) -> Iterator[Baked]:
    image = build_host_image(engine_url, Path(gettempdir()), print)
    flavors = {"test": LocalFlavor(memory_mb=2048)}
    namespace = f"dd-test-bake-{os.getpid()}"
    cloud = LocalCloud(engine_url=engine_url, namespace=namespace, flavors=flavors, images={"test": image})
    with ExitStack() as stack:
        stack.callback(emptied, cloud)
        source = Machine(cloud, "source", "test")
        source.configure()
        tiny = busybox_image("tiny", ("true",), {"index.html": b"here"})
        source.root("docker load", stdin=tiny.archive())
        source.root(DELETED)
        before, images = source.identity(), source.root("docker images --no-trunc -q")
        sysprep(source.shell, playbook_digest(source.variables))
        made = cloud.snapshot("source", IMAGE, "recipe")
        cloud.delete("source")
        host = Machine(cloud, "host", made.id)
        mark, enabled = read_mark(host.shell), host.shell.run("systemctl is-enabled docker || true", 30)
        give_certificate(host.shell, AUTHORITY.certificate, host.certificate.certificate, host.certificate.private_key)
        yield Baked(source, before, images, host, f"{namespace}-host", mark, enabled.strip())


def emptied(cloud: LocalCloud) -> None:
    for server in cloud.list_servers():
        cloud.delete(server.host)
    for image in cloud.snapshots():
        cloud.delete_snapshot(image)


def test_the_mark_says_by_which_playbook_the_image_was_configured(baked):
    assert baked.mark == playbook_digest(baked.host.variables)


def test_the_host_has_every_image_of_the_source_and_runs_it(baked):
    assert baked.host.root("docker images --no-trunc -q") == baked.images != ""
    baked.host.root("docker run --rm tiny")


def test_the_host_is_another_one(baked):
    now = baked.host.identity()
    assert [what for what in WHO if now[what] == baked.before[what]] == []
    assert now["name"] == "host"


def test_the_engine_waits_until_the_host_has_its_own_certificate(baked):
    assert baked.enabled == "disabled"


def test_nothing_secret_of_the_source_came_along(baked):
    keys = [baked.source.key.private, baked.source.certificate.private_key]
    needles = [pem.splitlines()[2] for pem in keys] + [baked.source.login.public_key.split()[1]]
    look = "grep -rlF --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -f - / || true"
    assert baked.host.root(look, stdin="\n".join(needles).encode()) == ""


def test_the_whole_playbook_finds_nothing_left_to_do(baked):
    report = baked.host.configure()
    assert (report.changed, report.failed) == (0, 0)


def test_layers_of_images_are_not_copied_but_those_with_marks_of_deleted_files(baked):
    assert baked.host.root("docker run --rm tiny busybox ls /index.html") == "/index.html"
    assert "index.html" not in baked.host.root("docker run --rm gone busybox ls /")
    layers, mounted = baked.host.root("ls -d /var/lib/docker/overlay2/*/diff").split(), mounted_layers(baked.host)
    assert len(layers) - len(mounted) == 1


def test_a_session_is_held_to_its_network_rate_on_a_host_that_booted_from_an_image(baked):
    baked.host.root("docker run -d --name limited --label dockerdriver.network_mbit=8 tiny busybox sleep 1000")
    until(lambda: "qdisc tbf" in baked.host.root("docker exec limited busybox ip link show dev eth0"), "it is", 60)
    baked.host.root("docker rm -f limited")


def test_an_image_that_the_engine_removes_stays_away_when_the_host_boots_again(baked, engine_url):
    before = mounted_layers(baked.host)
    baked.host.root("docker rmi gone tiny")
    baked.host.root("docker load", stdin=busybox_image("again", ("true",)).archive())
    client = DockerClient(base_url=engine_url)
    client.containers.get(baked.container).restart(timeout=10)
    client.close()
    baked.host.shell.wait_for_ssh(120)
    assert (before != [], mounted_layers(baked.host)) == (True, [])
    baked.host.root("docker run --rm again")


def mounted_layers(host: Machine) -> list[str]:
    return host.root("awk '$5 ~ \"/overlay2/.*/diff$\" {print $5}' /proc/self/mountinfo").split()
