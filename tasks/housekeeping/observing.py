"""Look at one pool from all sides: flow runs, records, cloud, engines."""

from asyncio import gather
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from prefect.client.schemas.objects import FlowRun

from blocks.engine.probes.probe import MEMORY_WINDOW
from blocks.gateway.activity import GatewayActivity
from blocks.outside import now, outside
from pool.backups.rules import backup_lease, needs_backups
from pool.courses.course import Course
from pool.courses.starting import start_due
from pool.decisions import DecisionKind
from pool.errors import NotFound, Refused
from pool.hosts.reach import PROBED
from pool.housekeeping.found import Probe
from pool.housekeeping.observation import Observation
from pool.records import FlavorSize, Host, Instance
from pool.settings import PoolSettings
from pool.standbys.standby import Standby
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, InstanceState
from tasks.base import blocking, look_up
from tasks.gateway.activity import gateway_activity
from tasks.hosts.cloud_view import known_headroom, known_parts, listed_servers
from tasks.hosts.disks import over_among
from tasks.housekeeping.disk_looks import look_at_disks, note_disks
from tasks.housekeeping.probing import note_probes, probe_hosts
from tasks.housekeeping.standby_looks import mute_standbys, standby_specs_of, standbys_on_record
from tasks.runs import cancelled_in_queue, flavor_parameter, runs_under_way, text_parameter

#: Flows whose runs are looked at: of hosts, then of sessions.
WATCHED = (
    *("spawn-host", "bake-host-image", "configure-host"),
    *("provision-instance", "deprovision-instance", "move-instance"),
)
MEMORY_SAID = timedelta(seconds=MEMORY_WINDOW)  # for as long, one trouble is said once
DISK_SAID = timedelta(minutes=10)  # likewise
START_ASKED = timedelta(minutes=2)  # in which the sessions of a class are to be on record; then they are asked for anew
COMING_BACK = timedelta(minutes=10)  # after a network was away, until one host that stays silent is given up for it


@look_up()
def list_pools() -> list[str]:
    """Names of all pools that have a configuration, or hosts or sessions though their block is gone."""
    return outside().pools()


@look_up()
async def observe(pool: str) -> Observation:
    """One look at the pool, after which SQL knows which hosts are out of reach."""
    seen = await _look(pool)
    await blocking(note_probes, pool, seen.hosts, seen.probes)
    await blocking(note_disks, seen.hosts, seen.disks, pool)
    return seen


@look_up()
async def look_at(pool: str) -> Observation:
    """One look at the pool that changes nothing."""
    return await _look(pool)


async def _look(pool: str) -> Observation:
    """What there is to see.

    Flow runs are read before the records, and the records before the cloud: work that ends in between is then seen in
    the later look, and never taken for work that no run does.
    """
    spawning, baking, configuring, *on_sessions = await gather(*map(runs_under_way, WATCHED))
    recorded, settings = await blocking(_recorded, pool)
    probed = [host for host in recorded.hosts if host.state in PROBED]
    servers, parts, headroom, probes, disks, activity = await gather(
        listed_servers(pool),
        known_parts(pool),
        known_headroom(pool),
        probe_hosts(probed),
        look_at_disks(probed, settings),
        gateway_activity(),
    )
    runs = {str(run.id) for run in (*spawning, *baking)}
    busy = _named(chain(*on_sessions), "instance_id") | recorded.busy_instances
    return replace(
        recorded,
        servers=servers,
        parts=parts,
        headroom=headroom,
        probes=probes,
        disks=disks,
        ended=await blocking(over_among, _without_record(probes, [*recorded.instances, *recorded.standbys])),
        busy_hosts=_named(configuring, "host") | {host.name for host in recorded.hosts if host.spawned_by in runs},
        busy_instances=busy,
        cancelled=await cancelled_in_queue([one for one in recorded.queue if one.id not in busy]),
        watched_since=activity.since if activity else None,
        last_used=_last_used(recorded.instances, activity),
        unrecorded_spawns=_unrecorded(spawning, pool, recorded.hosts),
        mute=await mute_standbys(recorded.standbys, recorded.specs, probed),
    )


def _recorded(pool: str) -> tuple[Observation, PoolSettings]:
    """Read what the records say; sessions that are backed up are busy, for however long that takes: their ends wait."""
    store = outside().store
    hosts = tuple(store.hosts.recent(pool, now()))
    instances = tuple(store.instances.all(pool, LIVING_INSTANCES))
    courses = outside().stored.courses().of(pool)
    recorded = Observation(
        hosts=hosts,
        instances=instances,
        servers=None,
        living={host.name: host for host in store.hosts.all(states=LIVING_HOSTS)},
        orphans=store.orphans.all(pool),
        told_of_memory=store.ticks.decided_since(pool, DecisionKind.OUT_OF_MEMORY, now() - MEMORY_SAID),
        told_of_disk=store.ticks.decided_since(pool, DecisionKind.FILLS_DISK, now() - DISK_SAID),
        backups=tuple(store.backups.of_instances([one.id for one in instances if needs_backups(one)])),
        busy_instances=_being_backed_up(instances),
        cut_off_lately=bool(store.ticks.decided_since(pool, DecisionKind.CUT_OFF, now() - COMING_BACK)),
        unreadable=_unreadable({one.blueprint for one in instances if one.state is InstanceState.QUEUED}),
        standbys=standbys_on_record(pool),
        specs=standby_specs_of(pool),
        courses=courses,
        started=_started(courses),
        asked_to_start=store.ticks.decided_since(pool, DecisionKind.START_CLASS, now() - START_ASKED),
    )
    return recorded, outside().config(pool).settings(pool)


def _started(courses: Iterable[Course]) -> frozenset[str]:
    wanted = [one for course in courses if (start := start_due(course, now())) for one in start.sessions]
    return frozenset(outside().store.instances.named(wanted)) if wanted else frozenset()


def _being_backed_up(instances: Iterable[Instance]) -> frozenset[str]:
    by_lease = {backup_lease(one.id): one.id for one in instances if one.keep.paths}
    held = outside().store.leases.holders([*by_lease], now()) if by_lease else {}
    return frozenset(by_lease[name] for name in held)


def _unreadable(blueprints: Iterable[str]) -> dict[str, str]:
    """Of these blueprints those that cannot be read, and why; one that is gone may come back."""
    found: dict[str, str] = {}
    for name in blueprints:
        try:
            outside().stored.blueprint(name)
        except NotFound:
            continue
        except Refused as error:
            found[name] = str(error)
    return found


def _named(runs: Iterable[FlowRun], parameter: str) -> frozenset[str]:
    return frozenset(name for run in runs if (name := text_parameter(run, parameter)))


def _unrecorded(spawning: list[FlowRun], pool: str, hosts: tuple[Host, ...]) -> tuple[FlavorSize, ...]:
    recorded = {host.spawned_by for host in hosts}
    waiting = [r for r in spawning if str(r.id) not in recorded and text_parameter(r, "pool", "main") == pool]
    return tuple(size for run in waiting if (size := flavor_parameter(run)))


def _last_used(instances: tuple[Instance, ...], activity: GatewayActivity | None) -> dict[str, datetime]:
    seen = activity.routes if activity else {}
    return {i.id: used for i in instances if i.route in seen and (used := seen[i.route].last_seen)}


def _without_record(probes: Mapping[str, Probe], living: Iterable[Instance | Standby]) -> set[str]:
    """Sessions and standbys whose containers were seen and that do not live: over, or never heard of."""
    seen = {container.instance for probe in probes.values() for container in probe.containers}
    return seen - {one.made_as for one in living}
