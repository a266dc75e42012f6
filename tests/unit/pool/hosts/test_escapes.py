"""Ways out of a container: which are tried, what of the answer is told, when a host in service is tested again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pool.hosts.escapes import TEST_EVERY, doors, doors_of_others, found_open, is_due
from pool.hosts.setup_again import to_configure_again
from pool.settings import PoolSettings
from tests.rigs.pool_data import NOW, a_host, an_instance

pytestmark = pytest.mark.unit

TRIED = doors("10.0.0.5", 2376, ["10.0.0.1"], (8000, 4200))


def test_metadata_the_host_and_each_address_of_the_manager_are_tried():
    assert {(door.address, door.port) for door in TRIED} == {
        ("169.254.169.254", 80),
        ("10.0.0.5", 22),
        ("10.0.0.5", 2376),
        ("10.0.0.1", 22),
        ("10.0.0.1", 8000),
        ("10.0.0.1", 4200),
    }


def test_the_engines_of_two_other_hosts_are_tried_and_a_session_of_each_that_has_one():
    hosts = [a_host(f"main-0{number}", address=f"10.0.0.{number}") for number in (1, 2, 3, 4)]
    running = [an_instance("a-1", host="main-01"), an_instance("b-1", host="main-03")]
    others = doors_of_others("main-01", hosts, running, 2376)
    assert [str(door) for door in others] == [
        "the engine of host main-02 at 10.0.0.2, port 2376",
        "the engine of host main-03 at 10.0.0.3, port 2376",
        "a session of host main-03 at 10.0.0.3, port 20000",
    ]
    assert doors("10.0.0.1", 2376, [], (), others)[-3:] == tuple(others)


def test_a_host_that_has_no_address_yet_is_not_tried():
    assert doors_of_others("main-01", [a_host("main-02", address=None)], [], 2376) == []


def test_what_was_reached_is_told_by_its_name_and_what_is_unknown_is_of_the_bridge():
    said = "door 10.0.0.1 4200\ndoor 172.17.0.1 22\nright to mount\ntested\n"
    assert found_open(said, TRIED) == [
        "the manager at 10.0.0.1, port 4200",
        "the host's bridge at 172.17.0.1, port 22",
        "right to mount",
    ]


def test_nothing_is_told_where_nothing_was_open():
    assert found_open("tested\n", TRIED) == []


def test_a_host_is_due_eight_hours_after_it_became_active_or_was_configured_again():
    host = replace(a_host(), active_at=NOW - TEST_EVERY, repaired_at=None)
    assert is_due(host, NOW)
    assert not is_due(host, NOW - timedelta(seconds=1))
    assert not is_due(replace(host, repaired_at=NOW - timedelta(hours=7)), NOW)


def test_a_host_that_is_due_is_configured_again_which_tests_it():
    settings = PoolSettings()
    due = replace(a_host(), setup=settings.setup_version, active_at=NOW - TEST_EVERY)
    assert to_configure_again([due], settings, frozenset(), NOW) == {due.name}
    assert to_configure_again([replace(due, active_at=NOW)], settings, frozenset(), NOW) == frozenset()
