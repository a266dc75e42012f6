"""Keeping room on the disk of a host: how full it is."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.host_setup.setup import HostSetup
from blocks.host_setup.shell import HostShell
from blocks.outside import standing_in
from pool.errors import EngineTrouble, Refused
from pool.records import Image
from tasks.hosts.disks import make_room, needed_images, used_percent
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import a_host, ask
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class Disk(HostShell):
    """A host whose df answers as Debian's does."""

    def __init__(self, percent: str):
        self._percent, self.commands, self._client = percent, list[str](), None

    def run(self, command, timeout, stdin=None):
        self.commands.append(command)
        return f"Use%\n {self._percent}\n"


def test_what_df_says_of_the_folder_of_images_is_read():
    disk = Disk("42%")
    assert used_percent(disk, "/var/lib/docker images") == 42
    assert disk.commands == ["df --output=pcent '/var/lib/docker images'"]


@pytest.mark.parametrize("said", ["-", "", "many%"])
def test_a_disk_that_df_knows_no_percentage_of_is_said_so_in_one_sentence(said):
    with pytest.raises(EngineTrouble, match="no percentage"):
        used_percent(Disk(said), "/var/lib/docker")


class OddHosts(HostSetup):
    """Hosts whose df says nothing of use."""

    def __init__(self) -> None:
        """They are on no cloud."""

    def shell(self, host):
        return Disk("-")


@pytest.mark.parametrize("info", [{"DockerRootDir": "/var/lib/docker"}, {}], ids=["df", "info"])
def test_a_host_whose_disk_cannot_be_understood_counts_as_roomy(info):
    hosts = OddHosts()
    engines = SimpleNamespace(of=lambda host: SimpleNamespace(client=lambda doing: OpenEngine(info)))
    with standing_in(fake_outside(hosts=hosts, engines=engines, store=SimpleNamespace(writes=0))):
        assert asyncio.run(make_room.fn(a_host(host_key="ssh-ed25519 AAAA")))


class OpenEngine:
    """An engine's client that only says what it is."""

    def __init__(self, info: dict):
        self.info = lambda: info

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_blueprint_that_cannot_be_read_keeps_no_disk_from_being_cleaned_and_no_other_image_from_being_kept(tmp_path):
    def blueprint(name):
        raise Refused(f"blueprint {name} cannot be read")

    stored = SimpleNamespace(blueprint=blueprint, pinned_versions=lambda pool: set())
    store = new_store(tmp_path)
    ask(store, "alice-1")
    store.images.put(Image("main", "other", "sha256:a", size=1))
    with standing_in(fake_outside(store=store, stored=stored)):
        assert needed_images("main") == {"sha256:a"}
    store.close()
