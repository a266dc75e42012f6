"""How much of the network a session gets on a real host, in both directions, whatever is started again meanwhile."""

import pytest

from tests.rigs.hosts.configured_host import RESTART
from tests.rigs.neighbours.neighbourhood import neighbourhood
from tests.rigs.neighbours.rates import is_limited, rate_server, rates, session_of_rate, wait_until_limited

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SERVICE = "notebook-network"
RESTARTED = "until [ $(docker inspect -f '{{{{.RestartCount}}}}' {name}) = 1 ]; do sleep 0.2; done"
#: What is started again, and how. The whole host is in test_reboots.py.
AGAIN = {
    "its-container": "docker restart -t 0 {name}",
    "its-program-that-failed": f"docker exec {{name}} busybox killall sleep; {RESTARTED}",
    "the-engine": RESTART,
    "the-service": f"systemctl kill -s KILL {SERVICE}",
}


@pytest.fixture(scope="module")
def host(configured):
    with neighbourhood(configured) as host, rate_server(configured):
        yield host


def test_a_session_gets_its_rate_in_both_directions_and_no_more(host):
    with session_of_rate(host) as name:
        wait_until_limited(host.configured, name)
        assert [rate for rate in rates(host.configured, name) if not 0.6 < rate < 1.05] == []


def test_a_session_without_a_rate_gets_many_times_as_much(host):
    with session_of_rate(host, 0) as name:
        assert min(rates(host.configured, name)) > 5


@pytest.mark.parametrize("what", AGAIN)
def test_the_rate_holds_after_a_restart_of(host, what):
    with session_of_rate(host) as name:
        wait_until_limited(host.configured, name)
        host.configured.root(AGAIN[what].format(name=name))
        wait_until_limited(host.configured, name)
        assert max(rates(host.configured, name)) < 1.05


def test_a_session_that_starts_while_the_service_is_away_is_limited_once_it_is_back(host):
    host.configured.root(f"systemctl stop {SERVICE}")
    with session_of_rate(host) as name:
        assert not is_limited(host.configured, name)
        host.configured.root(f"systemctl start {SERVICE}")
        wait_until_limited(host.configured, name)
