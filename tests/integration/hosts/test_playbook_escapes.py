"""What a throwaway container finds open on a real host: nothing after the playbook, and what is opened on purpose."""

from time import monotonic

import pytest

from blocks.engine.probes.escape import NAME, open_doors
from pool.hosts.escapes import Door
from tests.rigs.hosts.configured_host import RESTART

pytest_plugins = ("tests.rigs.hosts.playbook_host",)
pytestmark = pytest.mark.integration


@pytest.fixture
def engine(configured):
    return configured.engine()


def without(configured, chain, look):
    configured.root(f"iptables -F {chain}")
    try:
        return look()
    finally:
        configured.root(RESTART)


def test_nothing_is_open_after_the_playbook(configured, engine, manager):
    assert open_doors(engine, configured.doors(manager)) == []


def test_a_rate_of_the_network_is_held_and_found_missing_without_its_service(configured, engine):
    assert open_doors(engine, [], limited=True) == []
    configured.root("systemctl stop notebook-network")
    try:
        assert open_doors(engine, [], limited=True) == ["right to use the network without a limit"]
    finally:
        configured.root("systemctl start notebook-network")


def test_what_the_test_brought_along_is_gone_after_it(configured, engine, manager):
    open_doors(engine, configured.doors(manager))
    assert NAME not in configured.root("docker ps -a --format '{{.Names}}'; docker images --format '{{.Repository}}'")


def test_the_host_itself_is_found_open_without_the_rules_for_input(configured, engine, manager):
    found = without(configured, "INPUT", lambda: open_doors(engine, configured.doors(manager)))
    assert f"the host at {configured.host.address}, port 22" in found
    assert any(one.startswith("the host's bridge at") for one in found)


def test_the_manager_is_found_open_without_the_rules_for_what_is_forwarded(configured, engine, manager):
    found = without(configured, "DOCKER-USER", lambda: open_doors(engine, configured.doors(manager)))
    assert any(one.startswith("the manager at") and one.endswith(f"port {manager}") for one in found)


def test_doors_that_answer_nothing_are_tried_side_by_side(configured, engine):
    many = [Door("a blocked network", f"198.18.0.{number}", 22) for number in range(1, 40)]
    assert seconds(engine, many) < seconds(engine, many[:1]) + len(many) / 2  # each alone takes a second


def seconds(engine, shut):
    begun = monotonic()
    assert open_doors(engine, shut) == []
    return monotonic() - begun
