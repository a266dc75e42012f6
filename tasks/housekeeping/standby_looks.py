"""Look-ups of standbys: which are on record, what they would be made by now, and whether they answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from blocks.outside import log, now, outside
from pool.errors import DockerDriverError
from pool.hosts.reach import PROBED
from pool.records import BlueprintSpec, Host
from pool.standbys.rules import PAUSE
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import Standby, StandbyState
from pool.standbys.wanted import demand_of, may_want_some, read_standby_timetable, spans_of_earlier_weeks
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
    wanting = [spec for spec in outside().stored.blueprints().specs if spec.pool == pool and may_want_some(spec)]
    found: dict[str, StandbySpec] = {}
    for spec in wanting:
        try:
            found[spec.name] = _with_their_number(standby_spec_of(spec))
        except DockerDriverError as error:
            log().warning("blueprint %s has no standbys: %s", spec.name, error)
    return {name: spec for name, spec in found.items() if spec.may_want_some}


def _with_their_number(spec: StandbySpec) -> StandbySpec:
    """Return it with what says how many are wanted now."""
    zone = outside().kept_config(spec.blueprint.pool).DD_TIMEZONE
    timetable = read_standby_timetable(spec.blueprint.standby_timetable, zone)
    return replace(spec, timetable=timetable, demand=_demand(spec.blueprint, ZoneInfo(zone)))


def _demand(blueprint: BlueprintSpec, zone: ZoneInfo) -> int:
    """How many sessions earlier weeks had at once at this time; it is looked up only where it is asked for."""
    if not blueprint.standby_by_demand:
        return 0
    spans = spans_of_earlier_weeks(now(), zone)
    return demand_of(outside().store.timings.accepted_within(blueprint.pool, blueprint.name, span) for span in spans)


async def mute_standbys(
    standbys: Sequence[Standby], specs: Mapping[str, StandbySpec], hosts: Iterable[Host]
) -> set[str]:
    """Ids of those that are ready and do not answer HTTP, on hosts that are to answer.

    Those that are frozen are not asked: nothing runs in them that could go wrong, and to thaw one for a question could
    freeze a session that has it meanwhile. They are asked when a session has them.
    """
    ready: dict[str | None, list[Standby]] = {}
    for one in standbys:
        asked = one.blueprint in specs and not specs[one.blueprint].blueprint.standby_frozen
        if one.state is StandbyState.READY and asked:
            ready.setdefault(one.host, []).append(one)

    def silent(host: Host) -> set[str]:
        return {one.id for one in ready[host.name] if not _answers(one, specs[one.blueprint], host)}

    looked_at = [host for host in hosts if host.name in ready and host.state in PROBED and not host.unreachable_since]
    return set().union(*(await ask_each(looked_at, silent, ALL_SECONDS)).values())


def _answers(standby: Standby, spec: StandbySpec, host: Host) -> bool:
    return asking(standby.as_session(spec.blueprint.proxy), spec.blueprint, host)()
