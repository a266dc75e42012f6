"""A session that uses up all it can, on a real host: its limits hold it, its neighbour and the engine go on."""

from time import sleep

import pytest

from blocks.engine.disk import layers_on, written_mb
from blocks.engine.probe import probe
from blocks.host_setup.setup import HostSetup
from blocks.stored.host_keys import HostLogin
from pool.housekeeping.found import HostDisk
from tests.rigs.fakes import FakeBlocks
from tests.rigs.neighbours.neighbourhood import ABUSES, FLOOD, NAMESPACE, SESSION, VOLUME_MB, neighbourhood
from tests.rigs.pool_data import a_host
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

AT_IT = 3  # seconds
ANSWERS = 5  # seconds that an engine under all this may take
MOST_CONNECTIONS = 4096  # of the role firewall


@pytest.fixture(scope="module")
def host(configured):
    with neighbourhood(configured) as host, host.neighbour():
        yield host


@pytest.fixture
def setup(host):
    login = host.configured.host.login
    return HostSetup(FakeBlocks({HostLogin: {"main": login}}), host.configured.directory)


def test_connections_outward_are_limited(host):
    """It comes first: a flood is in the host's table, and counts against the next one, for two minutes."""
    count = lambda: int(host.configured.root("cat /proc/sys/net/netfilter/nf_conntrack_count"))  # noqa: E731
    with host.abuser(FLOOD):
        until(lambda: count() > MOST_CONNECTIONS / 2, "it has many", 60)
        sleep(AT_IT)
        assert count() < MOST_CONNECTIONS * 1.2


@pytest.mark.parametrize("abuse", sorted(ABUSES))
def test_the_neighbour_and_the_engine_answer_beside(host, abuse):
    with host.abuser(abuse):
        sleep(AT_IT)
        host.engine.ping(ANSWERS)
        assert [part for part in ("compute", "begin") if "error" in host.work(part)] == []
    assert host.answers()


def test_a_fork_bomb_has_no_more_processes_than_it_may(host):
    with host.abuser("fork-bomb") as spec:
        running = lambda: int(host.configured.root(f"docker top {spec.name} -eo pid | wc -l")) - 1  # noqa: E731
        until(lambda: running() > spec.pids_limit * 0.9, "it has nearly all", 60)
        assert running() <= spec.pids_limit


def test_a_process_that_takes_too_much_memory_is_ended_and_its_session_is_not(host):
    with host.abuser("memory-hog") as spec:
        until(lambda: probe(host.engine, NAMESPACE).out_of_memory == {SESSION}, "the engine tells of it", 60)
        assert host.engine.find(spec.name).running


def test_shared_memory_is_full_at_its_size(host):
    with host.abuser("shared-memory-filler") as spec:
        used = f"docker exec {spec.name} busybox du -m /dev/shm | cut -f 1"
        until(lambda: int(host.configured.root(used)) >= spec.shm_mb - 1, "it is full", 60)
        assert int(host.configured.root(used)) <= spec.shm_mb


def test_what_a_session_logs_takes_two_megabytes_at_most(host):
    with host.abuser("log-spammer") as spec:
        folder = f"$(dirname $(docker inspect -f '{{{{.LogPath}}}}' {spec.name}))"
        until(lambda: host.configured.root(f"ls {folder} | grep -c json.log") == "2", "it has filled one", 60)
        sizes = [host.configured.root(f"du -cb {folder}/*json.log* | tail -n 1 | cut -f 1") for _ in range(5)]
    assert max(map(int, sizes)) < 2_500_000


def test_a_disk_without_inodes_has_no_room_and_the_session_that_took_them_is_named(host, setup):
    there = a_host(address=host.configured.host.address, host_key=host.configured.host.host_key)
    assert setup.free_disk_mb(there) > VOLUME_MB / 2
    with host.abuser("inode-filler"):
        until(lambda: setup.free_disk_mb(there) < VOLUME_MB / 50, "all inodes are taken", 120)
        assert host.free_mb() > VOLUME_MB / 2
        files = setup.files_mb(there, layers_on(host.engine, NAMESPACE))
    assert HostDisk(0, files).largest_writer == SESSION


def test_a_session_that_fills_the_disk_is_named_and_once_it_is_ended_there_is_room_again(host):
    before = host.free_mb()
    with host.abuser("disk-filler"):
        until(lambda: host.free_mb() < 100, "the disk is full", 60)
        writer = lambda: HostDisk(0, written_mb(host.engine, NAMESPACE)).largest_writer  # noqa: E731
        until(lambda: writer() == SESSION, "it is named", 60)
    until(lambda: host.free_mb() > before - VOLUME_MB / 50, "there is room again", 30)
