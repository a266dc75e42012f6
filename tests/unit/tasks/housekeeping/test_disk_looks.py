"""Looking at disks: a session is measured only where room is short, and what cannot be read is unknown."""

import asyncio

import pytest

from blocks.engine.of_host import Engines
from blocks.host_setup.setup import HostSetup
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.errors import EngineTrouble, HostUnreachable
from pool.housekeeping.found import HostDisk
from pool.settings import PoolSettings
from tasks.housekeeping.disk_looks import look_at_disks, note_disks
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, a_host, claim_active
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

HOST = a_host(address="192.0.2.9", host_key="ssh-ed25519 0")


class Disks(HostSetup, Engines):
    """Hosts with so much free, on which bob wrote."""

    def __init__(self, free: int | Exception, written: Exception | None = None, files=None) -> None:
        self.free, self.written, self.files, self.measured = free, written, files or {}, list[str]()

    def free_disk_mb(self, host):
        return _answer(self.free)

    def written_mb(self, host):
        self.measured.append(host.name)
        return _answer(self.written or {"bob-1": 900})

    def layers(self, host):
        return {"bob-1": "/layers/bob-1"}

    def files_mb(self, host, folders):
        assert folders == self.layers(host)
        return _answer(self.files)


def _answer(what):
    if isinstance(what, Exception):
        raise what
    return what


def looked(disks: Disks, *hosts, floor: int = 2048):
    with standing_in(fake_outside(hosts=disks, engines=disks)):
        return asyncio.run(look_at_disks(hosts or [HOST], PoolSettings(disk_floor=floor, disk_limit=0)))


def test_sessions_are_measured_only_on_a_host_below_the_floor():
    assert (looked(roomy := Disks(2048)), roomy.measured) == ({"main-01": HostDisk(2048)}, [])
    assert looked(Disks(2047)) == {"main-01": HostDisk(2047, {"bob-1": 900})}


@pytest.mark.parametrize("trouble", [HostUnreachable("no"), ValueError("df said nothing")])
def test_a_disk_that_cannot_be_read_is_unknown_and_spoils_no_other_look(trouble):
    assert looked(Disks(trouble)) == {}


def test_a_host_is_low_also_where_its_sessions_cannot_be_measured():
    assert looked(Disks(1, EngineTrouble("it measures already"))) == {"main-01": HostDisk(1, None)}


def test_files_count_by_their_number_where_that_is_more_than_what_was_written():
    assert looked(Disks(1, files={"bob-1": 1500})) == {"main-01": HostDisk(1, {"bob-1": 1500})}
    assert looked(Disks(1, files={"bob-1": 50})) == {"main-01": HostDisk(1, {"bob-1": 900})}


def test_what_was_written_counts_alone_where_files_cannot_be_counted():
    assert looked(Disks(1, files=HostUnreachable("no"))) == {"main-01": HostDisk(1, {"bob-1": 900})}


@pytest.mark.parametrize("host", [a_host(), a_host(host_key="ssh-ed25519 0", unreachable_since=NOW)])
def test_a_host_that_no_login_reaches_is_not_looked_at(host):
    assert looked(Disks(1), host) == {}


def test_without_a_floor_no_host_is_looked_at():
    assert looked(Disks(1), floor=0) == {}


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    yield store
    store.close()


def noted(store, disk: HostDisk | None, floor: int = 2048):
    """What SQL says of the host after a look."""
    stored = FakeBlocks({PoolConfig: {"main": PoolConfig(DD_HOST_DISK_FLOOR=floor)}})
    with standing_in(fake_outside(store=store, stored=stored)):
        note_disks(store.hosts.all(), {"main-01": disk} if disk else {}, "main")
    return store.hosts.get("main-01")


def test_a_host_below_the_floor_is_noted_with_what_is_left_until_it_has_room_again(store):
    low = noted(store, HostDisk(2047))
    assert (low.disk_low_since, low.last_error) == (NOW, "its disk has 2047 MB left: it takes no new session")
    assert noted(store, None).disk_low_since == NOW
    assert noted(store, HostDisk(2048)).disk_low_since is None


def test_a_floor_that_is_taken_away_frees_the_hosts_that_were_below_it(store):
    noted(store, HostDisk(1))
    assert noted(store, None, floor=0).disk_low_since is None
