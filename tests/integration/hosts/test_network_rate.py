"""How much of the network a session gets on a real host, in both directions, whatever is started again meanwhile."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from blocks.host_setup.shell import CommandFailed
from tests.rigs.hosts.configured_host import RESTART
from tests.rigs.neighbours.neighbourhood import PROGRAMS, SESSION, WORLD, neighbourhood
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RATE, MEGABYTES = 16, 4  # megabits per second; what is moved to measure it: two seconds' worth
SERVICE = "notebook-network"
RESTARTED = "until [ $(docker inspect -f '{{{{.RestartCount}}}}' {name}) = 1 ]; do sleep 0.2; done"
#: What is started again, and how.
AGAIN = {
    "its-container": "docker restart -t 0 {name}",
    "its-program-that-failed": f"docker exec {{name}} busybox killall sleep; {RESTARTED}",
    "the-engine": RESTART,
    "the-service": f"systemctl kill -s KILL {SERVICE}",
}


@pytest.fixture(scope="module")
def host(configured):
    with neighbourhood(configured) as host:
        configured.root("cat > /root/rate.py", stdin=(PROGRAMS / "rate.py").read_bytes())
        configured.root("systemd-run --quiet --unit rate ip netns exec world python3 /root/rate.py serve")
        yield host
        configured.root("systemctl stop rate")


@contextmanager
def session(host, mbit=RATE):
    spec = replace(host.spec(SESSION, 20000, ("sleep", "1000")), network_mbit=mbit)
    host.engine.run(spec)
    try:
        yield spec.name
    finally:
        host.engine.remove(spec.name)


def is_limited(host, name):
    try:
        return "qdisc tbf" in host.configured.root(f"docker exec {name} busybox ip link show dev eth0")
    except CommandFailed:  # it is being started again
        return False


def wait_until_limited(host, name):
    until(lambda: is_limited(host, name), "it is limited", 60)


def rates(host, name):
    """What it gets, of what its blueprint gives it: a download, an upload."""
    measure = f"docker exec {name} python3 /rate.py {{}} {WORLD} {MEGABYTES}"
    return [float(host.configured.root(measure.format(way))) / RATE for way in ("download", "upload")]


def test_a_session_gets_its_rate_in_both_directions_and_no_more(host):
    with session(host) as name:
        wait_until_limited(host, name)
        assert [rate for rate in rates(host, name) if not 0.6 < rate < 1.05] == []


def test_a_session_without_a_rate_gets_many_times_as_much(host):
    with session(host, 0) as name:
        assert min(rates(host, name)) > 5


@pytest.mark.parametrize("what", AGAIN)
def test_the_rate_holds_after_a_restart_of(host, what):
    with session(host) as name:
        wait_until_limited(host, name)
        host.configured.root(AGAIN[what].format(name=name))
        wait_until_limited(host, name)
        assert max(rates(host, name)) < 1.05


def test_a_session_that_starts_while_the_service_is_away_is_limited_once_it_is_back(host):
    host.configured.root(f"systemctl stop {SERVICE}")
    with session(host) as name:
        assert not is_limited(host, name)
        host.configured.root(f"systemctl start {SERVICE}")
        wait_until_limited(host, name)
