"""Look at the disks of hosts: how much is free, and, where that is too little, which session wrote how much."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError
from pool.housekeeping.disk_rules import due_for_a_look
from pool.housekeeping.found import HostDisk
from pool.records import Host
from pool.settings import PoolSettings
from tasks.housekeeping.probing import ask_each

ALL_SECONDS = 45  # of the time that a tick has for its observation


async def look_at_disks(hosts: Sequence[Host], settings: PoolSettings) -> dict[str, HostDisk]:
    """What the disks hold of those hosts whose turn it is, and of those that had too little room."""
    if not settings.disk_floor:
        return {}
    met = [host for host in hosts if host.host_key and not host.unreachable_since]
    return await ask_each(_whose_turn_it_is(met), partial(_look, floor=settings.disk_floor), ALL_SECONDS)


def _whose_turn_it_is(hosts: Sequence[Host]) -> list[Host]:
    turn = {host.name for host in due_for_a_look(hosts, now().timestamp())}
    return [host for host in hosts if host.name in turn or host.disk_low_since]


def _look(host: Host, floor: int) -> HostDisk | None:
    """None where the disk could not be looked at: unknown is not full."""
    try:
        free = outside().hosts.free_disk_mb(host)
    except DockerDriverError as error:
        log().warning("could not read disk usage of %s: %s", host.name, error)
        return None
    return HostDisk(free, _taken(host) if free < floor else None)


def _taken(host: Host) -> Mapping[str, int] | None:
    """What each session takes of the disk, in MB: what it wrote or, where that is more, its files by their number."""
    written = _measured(host, "what sessions wrote", outside().engines.written_mb)
    files = _measured(host, "how many files sessions have", _files_mb) if written else None
    return written if not files or not written else {one: max(written[one], files.get(one, 0)) for one in written}


def _files_mb(host: Host) -> Mapping[str, int]:
    return outside().hosts.files_mb(host, outside().engines.layers(host))


def _measured(host: Host, what: str, measure: Callable[[Host], Mapping[str, int]]) -> Mapping[str, int] | None:
    try:
        return measure(host)
    except DockerDriverError as error:
        log().warning("could not measure %s on %s: %s", what, host.name, error)
        return None


def note_disks(hosts: Iterable[Host], disks: Mapping[str, HostDisk], pool: str) -> None:
    """Tell SQL which hosts have too little room on their disks, and which have enough again, or need none any more."""
    floor = outside().config(pool).DD_HOST_DISK_FLOOR
    for host in hosts:
        disk = disks.get(host.name)
        low = f"its disk has {disk.free_mb} MB left: it takes no new session" if disk and disk.free_mb < floor else ""
        if low or (host.disk_low_since and (disk or not floor)):
            outside().store.hosts.note_disk(host.name, low, now())
