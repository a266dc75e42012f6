"""Verbs for looking at standbys: what is on record, what they are made by now, and whether they answer."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError
from pool.hosts.reach import PROBED
from pool.records import Host
from pool.standbys.rules import PAUSE
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import Standby, StandbyState
from tasks.housekeeping.probing import ask_each
from tasks.sessions.containers import asking
from tasks.sessions.standbys import standby_spec_of

ALL_SECONDS = 10


def standbys_on_record(pool: str) -> tuple[Standby, ...]:
    """The standbys of a pool that hold room, and those that failed lately."""
    store = outside().store.standbys
    return (*store.all(pool), *store.failed_since(pool, now() - timedelta(seconds=PAUSE)))


def standby_specs_of(pool: str) -> dict[str, StandbySpec]:
    """What standbys are made by now, by blueprint, of those that want some; one whose image is not there wants none."""
    wanting = [spec for spec in outside().stored.blueprints().specs if spec.pool == pool and spec.standby]
    found: dict[str, StandbySpec] = {}
    for spec in wanting:
        try:
            found[spec.name] = standby_spec_of(spec)
        except DockerDriverError as error:
            log().warning("blueprint %s has no standbys: %s", spec.name, error)
    return {name: spec for name, spec in found.items() if spec.wanted}


async def mute_standbys(standbys: Sequence[Standby], specs: dict[str, StandbySpec], hosts: Iterable[Host]) -> set[str]:
    """Ids of those that are ready and do not answer HTTP, on hosts that are to answer."""
    ready: dict[str | None, list[Standby]] = {}
    for one in standbys:
        if one.state is StandbyState.READY and one.blueprint in specs:
            ready.setdefault(one.host, []).append(one)

    def silent(host: Host) -> set[str]:
        return {one.id for one in ready[host.name] if not _answers(one, specs[one.blueprint], host)}

    looked_at = [host for host in hosts if host.name in ready and host.state in PROBED and not host.unreachable_since]
    return set().union(*(await ask_each(looked_at, silent, ALL_SECONDS)).values())


def _answers(standby: Standby, spec: StandbySpec, host: Host) -> bool:
    return asking(standby.as_session(spec.blueprint.proxy), spec.blueprint, host)()
