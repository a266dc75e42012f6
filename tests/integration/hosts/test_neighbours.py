"""A session that uses up all it can, on a real host: its limits hold it, its neighbour and the engine go on."""

from time import sleep

import pytest

from blocks.engine.probes.disk import layers_on, written_mb
from blocks.engine.probes.probe import probe
from blocks.host_setup.setup import HostSetup
from blocks.stored.host_keys import HostLogin
from pool.housekeeping.found import HostDisk
from tests.rigs.fakes import FakeBlocks
from tests.rigs.neighbours.neighbourhood import ABUSES, FLOOD, NAMESPACE, SESSION, VOLUME_MB, neighbourhood
from tests.rigs.pool_data import a_host
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

AT_IT, TIME_LIMIT = 3, 120  # seconds; the latter for a machine that has much else to do
FILES = 2  # of a log
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
        until(lambda: count() > MOST_CONNECTIONS / 2, "it has many", TIME_LIMIT)
        sleep(AT_IT)
        assert count() < MOST_CONNECTIONS * 1.2


@pytest.mark.parametrize("abuse", sorted(ABUSES))
def test_the_neighbour_and_the_engine_answer_beside(host, abuse):
    with host.abuser(abuse):
        sleep(AT_IT)
        until(host.pings, "the engine answers", TIME_LIMIT)
        assert [part for part in ("compute", "begin", "watch") if "error" in host.work(part)] == []
    until(host.answers, "the neighbour answers a new connection", TIME_LIMIT)


def test_a_fork_bomb_has_no_more_processes_than_it_may(host):
    with host.abuser("fork-bomb") as spec:
        running = lambda: int(host.configured.root(f"docker top {spec.name} -eo pid | wc -l")) - 1  # noqa: E731
        until(lambda: running() > spec.pids_limit * 0.9, "it has nearly all", TIME_LIMIT)
        assert running() <= spec.pids_limit


ONE_MORE = "python3 -c 'import ctypes; print(ctypes.CDLL(None).inotify_init1(0))'"


def test_a_session_that_holds_every_inotify_instance_of_its_uid_takes_none_of_its_neighbours(host):
    with host.abuser("inotify-holder") as spec:
        has_none_left = lambda: host.configured.root(f"docker exec {spec.name} {ONE_MORE}").strip() == "-1"  # noqa: E731
        until(has_none_left, "all are taken", TIME_LIMIT)
        assert "error" not in host.work("watch")


def test_a_process_that_takes_too_much_memory_is_ended_and_its_session_is_not(host):
    with host.abuser("memory-hog") as spec:
        until(lambda: probe(host.engine, NAMESPACE).out_of_memory == {SESSION}, "the engine tells of it", TIME_LIMIT)
        assert host.engine.find(spec.name).running


def test_shared_memory_is_full_at_its_size(host):
    with host.abuser("shared-memory-filler") as spec:
        until(lambda: host.shared_memory_mb(spec.name) >= spec.shm_mb - 1, "it is full", TIME_LIMIT)
        assert host.shared_memory_mb(spec.name) <= spec.shm_mb


def test_what_a_session_logs_takes_two_megabytes_at_most(host):
    with host.abuser("log-spammer") as spec:
        until(lambda: len(host.log_sizes(spec.name)) == FILES, "it has filled one", TIME_LIMIT)
        looks = [host.log_sizes(spec.name) for _ in range(5)]
    assert [sizes for sizes in looks if len(sizes) > FILES or sum(sizes) > 2_500_000] == []


def test_a_disk_without_inodes_has_no_room_and_the_session_that_took_them_is_named(host, setup):
    there = a_host(address=host.configured.host.address, host_key=host.configured.host.host_key)
    assert setup.free_disk_mb(there) > VOLUME_MB / 2
    with host.abuser("inode-filler"):
        until(lambda: setup.free_disk_mb(there) < VOLUME_MB / 50, "all inodes are taken", TIME_LIMIT)
        assert host.free_mb() > VOLUME_MB / 2
        files = setup.files_mb(there, layers_on(host.engine, NAMESPACE))
    assert HostDisk(0, files).largest_writer == SESSION


def test_a_session_that_fills_the_disk_is_named_and_once_it_is_ended_there_is_room_again(host):
    before = host.free_mb()
    with host.abuser("disk-filler"):
        until(lambda: host.free_mb() < 100, "the disk is full", TIME_LIMIT)
        writer = lambda: HostDisk(0, written_mb(host.engine, NAMESPACE)).largest_writer  # noqa: E731
        until(lambda: writer() == SESSION, "it is named", TIME_LIMIT)
    until(lambda: host.free_mb() > before - VOLUME_MB / 50, "there is room again", TIME_LIMIT)
