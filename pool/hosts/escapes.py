"""Ways out of a container that must be closed before its host serves: what is tried, and what was found open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pool.records import Host, Instance

#: Between two tests of a host in service: as long as a working day, for its rules may be lost as it works.
TEST_EVERY = timedelta(hours=8)
#: Where clouds answer a server's questions about itself, with its user data.
METADATA = "169.254.169.254"
SSH, HTTP = 22, 80
MOST_OTHERS = 2  # other hosts whose doors are tried: one rule shuts those of all


@dataclass(frozen=True)
class Door:
    """A TCP port that no session may reach."""

    of: str  # "the manager"
    address: str  # IPv4 or IPv6
    port: int

    def __str__(self) -> str:
        """Write it for people: "the manager at 10.0.0.2, port 4200"."""
        return f"{self.of} at {self.address}, port {self.port}"


def doors(
    host: str, engine_port: int, manager: Iterable[str], manager_ports: Sequence[int], others: Iterable[Door] = ()
) -> tuple[Door, ...]:
    """List what a session on a host must not reach; its bridge, which only the host knows, comes to that.

    Args:
        host: address of the host.
        engine_port: that its engine listens on.
        manager: addresses of the manager that other machines reach it under.
        manager_ports: that it listens on, those of ssh left out.
        others: those of other hosts, see :func:`doors_of_others`.
    """
    of_host = [Door("the host", host, port) for port in (SSH, engine_port)]
    of_manager = [Door("the manager", one, port) for one in manager for port in (SSH, *manager_ports)]
    return (Door("the cloud's metadata", METADATA, HTTP), *of_host, *of_manager, *others)


def doors_of_others(host: str, active: Iterable[Host], running: Iterable[Instance], engine_port: int) -> list[Door]:
    """List what a session on a host must not reach of others, where something is known to answer.

    Args:
        host: its name.
        active: hosts in service.
        running: sessions; of each other host one is tried.
        engine_port: that engines listen on.
    """
    others = [one for one in active if one.name != host and one.address][:MOST_OTHERS]
    sessions = {one.placement.host: one.placement.port for one in running if one.placement}
    engines = [Door(f"the engine of host {one.name}", one.get_address(), engine_port) for one in others]
    published = [one for one in others if one.name in sessions]
    return engines + [Door(f"a session of host {one.name}", one.get_address(), sessions[one.name]) for one in published]


def found_open(said: str, tried: Sequence[Door]) -> list[str]:
    """Read what the test wrote: one sentence's part for each way that was open.

    Args:
        said: a line for each, "door ADDRESS PORT" or "right to …".
        tried: the doors that it was given; another one is one of the host's bridge.
    """
    names = {(door.address, str(door.port)): str(door) for door in tried}
    lines = [line.split(maxsplit=2) for line in said.splitlines()]
    reached = [(line[1], line[2]) for line in lines if line[0] == "door"]
    rights = [" ".join(line) for line in lines if line[0] == "right"]
    return [names.get(one) or f"the host's bridge at {one[0]}, port {one[1]}" for one in reached] + rights


def is_due(host: Host, now: datetime) -> bool:
    """Whether a host in service is to be tested again; being configured again, which tests it, counts."""
    last = max(filter(None, (host.active_at, host.repaired_at)), default=None)
    return last is not None and now - last >= TEST_EVERY
