"""Remove the hosts of an installation from their clouds, and close the records of those that are gone.

A record is closed only when the cloud, asked after the delete, says that it has no such server: what was not proved
gone keeps its record, and with it the next `make up` finds it again.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pool.records import Host, Instance
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, HostState, InstanceState

if TYPE_CHECKING:  # Prefect and SQLAlchemy are not needed to stop processes
    from blocks.clouds.port import Cloud
    from pool.store.pool_store import PoolStore

REASON = "the installation was taken down"
GONE_SECONDS = 60
AT_ONCE = 8  # a server that does not go keeps the others waiting for a minute otherwise
AGAIN = "run `make up`, then `make down` again"


@dataclass
class Removal:
    """What became of the hosts."""

    gone: set[str] = field(default_factory=set)  # names of hosts that their cloud has no server of
    troubles: list[str] = field(default_factory=list)  # what could not be removed, by name, and what to do


def remove_hosts(clouds: "Mapping[str, Cloud]", recorded: Iterable[Host], say: Callable[[str], None]) -> Removal:
    """Have every cloud delete all servers of ours; one that fails keeps no other from being tried.

    Args:
        clouds: by pool; pools may share one.
        recorded: the living hosts of the pool's database; what a cloud lists besides them is removed as well.
        say: told of each host.
    """
    removal, recorded = Removal(), list(recorded)
    for cloud in _different(clouds.values()):
        pools = {pool for pool, its_cloud in clouds.items() if its_cloud == cloud}
        names = {host.name for host in recorded if host.pool in pools} | _listed(cloud, sorted(pools), removal)
        with ThreadPoolExecutor(AT_ONCE) as executor:
            for name, left in executor.map(lambda name: (name, _remove(cloud, name, say)), sorted(names)):  # noqa: B023 - done with before the next cloud
                _note(removal, name, left)
    return removal


def unknown_cloud(hosts: Iterable[Host], why: str) -> list[str]:
    """Say that these hosts were not removed because their cloud could not be asked; nothing when there are none."""
    names = ", ".join(f"{host.name} ({_server_of(host)})" for host in hosts)
    return (
        [f"not removed, and their records stay: {names}: {why}: {AGAIN}, or delete them in the cloud"] if names else []
    )


def close_records(store: "PoolStore", gone: Iterable[str]) -> int:
    """Write into the pool's database what does not exist any more; return how many hosts that closed.

    A session that waits for room holds nothing and is closed as well. Hosts that may exist keep their records as they
    are, and so do their sessions.
    """
    proved = set(gone)
    for instance in store.instances.all(states=LIVING_INSTANCES):
        if instance.host is None or instance.host in proved:
            close_instance(store, instance)
    hosts = [host for host in store.hosts.all(states=LIVING_HOSTS) if host.name in proved]
    for host in hosts:
        close_host(store, host)
    return len(hosts)


def close_instance(store: "PoolStore", instance: Instance) -> None:
    """Walk a living instance to deleted, by the moves that its life cycle has."""
    for state in (InstanceState.STOPPING, InstanceState.DELETED):
        store.instances.move(instance.id, state, datetime.now(UTC), REASON)


def close_host(store: "PoolStore", host: Host) -> None:
    """Walk the host to removed, by the moves that its life cycle has."""
    gives_up = host.state not in (HostState.DRAINING, HostState.FAILED, HostState.REMOVING)
    for state in (*([HostState.FAILED] if gives_up else []), HostState.REMOVING, HostState.REMOVED):
        store.hosts.move(host.name, state, datetime.now(UTC), REASON)


def _different(clouds: "Iterable[Cloud]") -> "list[Cloud]":
    found: list[Cloud] = []
    for cloud in clouds:
        if cloud not in found:
            found.append(cloud)
    return found


def _listed(cloud: "Cloud", pools: list[str], removal: Removal) -> set[str]:
    try:
        return {server.host for server in cloud.list_servers()}
    except Exception as error:  # noqa: BLE001 - whatever a cloud raises, the hosts on record are tried all the same
        removal.troubles.append(f"the cloud of pool {', '.join(pools)} does not list its servers: {error}: {AGAIN}")
        return set()


def _remove(cloud: "Cloud", name: str, say: Callable[[str], None]) -> tuple[bool, str]:
    """Delete a host's server and ask whether it is gone; say that, and what went wrong."""
    say(f"removes host {name}")
    trouble = _words_of(lambda: cloud.delete(name))
    deadline = time.monotonic() + (0 if trouble else GONE_SECONDS)
    while True:
        try:
            if cloud.find(name) is None:
                return True, trouble
        except Exception as error:  # noqa: BLE001 - unknown is not gone
            return False, trouble or str(error)
        if time.monotonic() > deadline:
            return False, trouble or f"the cloud still lists its server {GONE_SECONDS} s after the delete"
        time.sleep(0.5)


def _words_of(step: Callable[[], object]) -> str:
    try:
        step()
    except Exception as error:  # noqa: BLE001 - told by the caller; the other servers are tried
        return str(error) or repr(error)
    return ""


def _note(removal: Removal, name: str, left: tuple[bool, str]) -> None:
    gone, trouble = left
    if gone:
        removal.gone.add(name)
    else:
        removal.troubles.append(
            f"host {name} was not removed: {trouble}; its record stays: {AGAIN}, or delete its server in the cloud"
        )
    if gone and trouble:
        removal.troubles.append(f"host {name} is gone, but not all that came with it: {trouble}: {AGAIN}")


def _server_of(host: Host) -> str:
    return f"server {host.server_id}" if host.server_id else "no server known"
