"""How much of the network a session on a real host gets, measured against a server outside of the host."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from blocks.host_setup.shell import CommandFailed
from tests.rigs.hosts.configured_host import Configured
from tests.rigs.neighbours.neighbourhood import PROGRAMS, SESSION, WORLD, Neighbourhood
from tests.rigs.waiting import until

RATE, MEGABYTES = 16, 4  # megabits per second; what is moved to measure it: two seconds' worth


@contextmanager
def rate_server(configured: Configured) -> Iterator[None]:
    """What sessions measure their rate with, in the world outside, which is there."""
    configured.root("cat > /root/rate.py", stdin=(PROGRAMS / "rate.py").read_bytes())
    configured.root("systemd-run --quiet --unit rate ip netns exec world python3 /root/rate.py serve")
    try:
        yield
    finally:
        configured.root("systemctl stop rate")


@contextmanager
def session_of_rate(host: Neighbourhood, mbit: int = RATE) -> Iterator[str]:
    """A session that does nothing by itself; the name of its container."""
    spec = replace(host.spec(SESSION, 20000, ("sleep", "1000")), network_mbit=mbit)
    host.engine.run(spec)
    try:
        yield spec.name
    finally:
        host.engine.remove(spec.name)


def is_limited(configured: Configured, name: str) -> bool:
    """Whether a container has a queue at its end of its link."""
    try:
        return "qdisc tbf" in configured.root(f"docker exec {name} busybox ip link show dev eth0")
    except CommandFailed:  # it is being started again
        return False


def wait_until_limited(configured: Configured, name: str, seconds: float = 60) -> None:
    until(lambda: is_limited(configured, name), "it is limited", seconds)


def rates(configured: Configured, name: str) -> list[float]:
    """What it gets, of what its blueprint gives it: a download, an upload."""
    measure = f"docker exec {name} python3 /rate.py {{}} {WORLD} {MEGABYTES}"
    return [float(configured.root(measure.format(way))) / RATE for way in ("download", "upload")]
