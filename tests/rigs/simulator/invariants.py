"""What must always hold (DESIGN.md's ten), each as a question to a simulated world.

Some are asked at the moment itself, by the fakes and the store: 2, 3, 4, 9 and 10 (see ``World.check_…``). Here are
those that are asked between two events, and those that must hold once the trouble is over.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from blocks.stored.blueprint import Blueprint
from pool.courses.course import slots_to_come
from pool.courses.starting import start_due
from pool.hosts.counting import counted_hosts
from pool.hosts.lifetime import takes_sessions
from pool.records import Host, Instance
from pool.standbys.standby import Standby, StandbyState
from pool.states import HOLDING_ROOM, LIVING_INSTANCES, HostState, InstanceState
from tests.rigs.simulator.clock import BEGINNING
from tests.rigs.simulator.events import EventfulWorld as World
from tests.rigs.simulator.machines import Machine

CLOCKS_STEP = timedelta(minutes=10)  # at most, back; what gave its place up before has it again
IN_BETWEEN = {HostState.SPAWNING, HostState.CONFIGURING, HostState.FAILED, HostState.REMOVING}


def check_always(world: World) -> None:
    """What holds at every moment."""
    always = (never_over_committed, never_given_twice, never_more_hosts_than_allowed, no_clock_but_the_virtual_one)
    for check in always:
        for sentence in check(world):
            world.broken.add(sentence)


def never_over_committed(world: World) -> Iterator[str]:
    """1, in SQL: the room that a host has given is what its sessions hold."""
    held: Counter[str] = Counter()
    for session in world.store.instances.all(states=HOLDING_ROOM):
        for place in filter(None, (session.placement, session.target)):
            held[place.host] += session.slots
    standing: Counter[str | None] = Counter()
    for standby in world.store.standbys.all():
        standing[standby.host] += standby.slots
    for host in world.store.hosts.all():
        if not host.reserved == held[host.name] <= host.slots:
            yield f"1: {host.name} has given {host.reserved} of {host.slots} slots; sessions hold {held[host.name]}"
        if not host.standby == standing[host.name] <= host.free:
            yield f"1: {host.name} has given standbys {host.standby} slots; they hold {standing[host.name]}"


def never_given_twice(world: World) -> Iterator[str]:
    """7: no two sessions have one standby, and none has one that another is said to have."""
    taken = Counter(session.standby for session in world.store.instances.all() if session.standby)
    for standby in (one for one, sessions in taken.items() if sessions > 1):
        yield f"7: {standby} was given to {taken[standby]} sessions"
    for session in world.store.instances.all(states=LIVING_INSTANCES):
        if session.standby and world.store.standbys.get(session.standby).session != session.id:
            yield f"7: {session.id} has {session.standby}, which was given to another"


def never_more_hosts_than_allowed(world: World) -> Iterator[str]:
    """1, for hosts: what was allowed at most so far."""
    counted = counted_hosts(world.store.hosts.all(), world.most_hosts, world.clock.now() + CLOCKS_STEP)
    if counted > world.most_hosts:
        yield f"1: {counted} hosts count, at most {world.most_hosts} were ever allowed"


def no_clock_but_the_virtual_one(world: World) -> Iterator[str]:
    """8: every moment on record is one of this life."""
    first, last = BEGINNING - timedelta(hours=2), BEGINNING + timedelta(seconds=world.time, days=2)
    hosts, sessions, standbys = world.store.hosts.all(), world.store.instances.all(), world.store.standbys.all()
    things: list[Host | Instance | Standby] = [*hosts, *sessions, *standbys]
    for thing in things:
        if not first <= thing.state_since <= last:
            yield f"8: {thing} has a moment from another clock"


def unsettled(world: World) -> list[str]:
    """What is not yet as it must be some time after the last trouble."""
    questions = (
        servers_are_recorded, records_are_servers, hosts_have_arrived, sessions_have_arrived, containers_are_recorded,
        sessions_are_containers, moved_sessions_are_whole, standbys_are_back, routes_are_sessions, nothing_is_leased,
        there_is_room, classes_have_begun,
    )  # fmt: skip
    return [sentence for question in questions for sentence in question(world)]


def servers_are_recorded(world: World) -> Iterator[str]:
    """2: whatever died, no server is left that no record speaks of."""
    living = {host.name for host in world.store.hosts.all() if host.state is not HostState.REMOVED}
    for name in world.cloud.machines.keys() - living:
        yield f"2: the server of {name} is left in the cloud"


def records_are_servers(world: World) -> Iterator[str]:
    """4, the other way round: what is gone is noticed."""
    for host in world.store.hosts.all(states={HostState.ACTIVE, HostState.DRAINING}):
        if host.name not in world.cloud.machines:
            yield f"4: {host.name} is {host.state}, and its server is gone"


def hosts_have_arrived(world: World) -> Iterator[str]:
    """5, 6: whatever was interrupted was taken up again, and no bad host keeps its place."""
    for host in world.store.hosts.all(states=IN_BETWEEN):
        yield f"5: {host.name} is still {host.state}: {host.reason}"
    for host in world.store.hosts.all(states={HostState.DRAINING}):
        if not host.reserved:
            yield f"5: {host.name} is drained, and stays"


def sessions_have_arrived(world: World) -> Iterator[str]:
    """5: no session is left half way; one that waits has waited its time, or got its room."""
    for session in world.store.instances.all(states=LIVING_INSTANCES - {InstanceState.RUNNING}):
        yield f"5: session {session.id} is still {session.state}: {session.reason}"


def containers_are_recorded(world: World) -> Iterator[str]:
    """2: no container runs that no record explains, and no other owner's is gone (3)."""
    holding: list[Instance | Standby] = [*world.store.instances.all(states=HOLDING_ROOM), *world.store.standbys.all()]
    explained = {(one.host, one.container) for one in holding}
    for machine in world.cloud.machines.values():
        for name, container in machine.containers.items():
            if name.startswith("dd-") and container.running and (machine.host, name) not in explained:
                yield f"2: container {name} runs on {machine.host}, and no session is there"


def sessions_are_containers(world: World) -> Iterator[str]:
    """7: a session that runs on record runs, once."""
    for session in world.store.instances.all(states={InstanceState.RUNNING}):
        where = [m.host for m in world.cloud.machines.values() if _runs(m, session.container)]
        if where != [session.host]:
            yield f"7: session {session.id} runs on {session.host}; its container runs on {where or 'no host'}"


def moved_sessions_are_whole(world: World) -> Iterator[str]:
    """5, 7: a session that kept its work has one container, with all that its user wrote, and began with its newest."""
    for session in world.store.instances.all(states={InstanceState.RUNNING}):
        if session.id not in world.written:
            continue
        there = {m.host: m.containers[session.container] for m in world.cloud.machines.values() if _has(m, session)}
        if [*there] != [session.host]:
            yield f"7: {session.id} is on {session.host}; there are containers of it on {sorted(there) or 'no host'}"
        elif (found := there.popitem()[1].work) != world.written[session.id]:
            yield f"5: {session.id} has {found or 'nothing'!r}; its user wrote {world.written[session.id]!r}"
        if session.carried or session.target:
            yield f"5: {session.id} runs, and is still on its way"
        mine = [one for one in world.store.backups.of_instance(session.id) if one.begun_at <= session.state_since]
        newest = next((one.id for one in mine if one.counts), "")
        if session.restored_from.startswith(f"{session.id}.") and session.restored_from != newest:
            yield f"5: {session.id} was moved with {session.restored_from}, and {newest} was the newest"


def standbys_are_back(world: World) -> Iterator[str]:
    """5, 7: as many stand by as are wanted, or as there is room for, and the container of each runs."""
    standbys, blueprint = world.store.standbys.all(), world.stored[Blueprint]["small"]
    machines = {machine.host: machine for machine in world.cloud.machines.values()}
    for one in standbys:
        if one.state is not StandbyState.READY:
            yield f"5: {one.id} is still {one.state}: {one.reason}"
        elif one.host not in machines or not _stands(machines[one.host], one.container, blueprint.standby_frozen):
            yield f"7: {one.id} is ready on {one.host}, and its container does not stand by there"
    wanted, hosts = blueprint.standby, world.store.hosts.all(states={HostState.ACTIVE})
    fit = [host for host in hosts if takes_sessions(host, world.config.settings("main"), world.clock.now())]
    room = any(host.free > host.standby for host in fit)
    if len(standbys) != wanted and (len(standbys) > wanted or room):
        yield f"5: {len(standbys)} standbys are there, {wanted} are wanted"


def routes_are_sessions(world: World) -> Iterator[str]:
    """9: the gateway has a route for each running session, to where it is, and no other."""
    running = world.store.instances.all(states={InstanceState.RUNNING})
    addresses: dict[str | None, str | None] = {host.name: host.address for host in world.store.hosts.all()}
    wanted = {session.route: (addresses[session.host], session.port) for session in running}
    found = {route.id: (route.address, route.port) for route in world.gateway.routes.values()}
    if wanted != found:
        yield f"9: the gateway has {len(found)} routes, {len(wanted)} sessions run, or they lead elsewhere"


def nothing_is_leased(world: World) -> Iterator[str]:
    """7: no dead process keeps a lease."""
    for machine in world.cloud.machines.values():
        other = world.store.leases.take(f"configuring of {machine.host}", "the test", 1, world.clock.now())
        if other:
            yield f"7: {machine.host} is leased by {other}"
        else:
            world.store.leases.drop(f"configuring of {machine.host}", "the test")


def there_is_room(world: World) -> Iterator[str]:
    """6: with trouble over, the pool has the free slots that it is to have, or all hosts that it may have."""
    hosts = world.store.hosts.all(states={HostState.ACTIVE})
    living = [host for host in world.store.hosts.all() if host.state is not HostState.REMOVED]
    now, sessions = world.clock.now(), world.store.instances.all(states=HOLDING_ROOM)
    reserved = sum(slots_to_come(world.courses(), sessions, now, now))
    free, wanted = sum(host.free for host in hosts), world.config.DD_FREE_SLOT_TARGET + reserved
    if free < wanted and len(living) < world.config.DD_MAX_HOSTS:
        yield f"6: {free} slots are free on {len(hosts)} active hosts, {wanted} are wanted, {reserved} for a course"


def classes_have_begun(world: World) -> Iterator[str]:
    """5, 7: of a class that is on, or begins soon, each member has one session on record that was started for it."""
    known = {session.id for session in world.store.instances.all()}
    due = (start_due(course, world.clock.now()) for course in world.courses())
    for start in filter(None, due):
        for session, user in start.sessions.items():
            if session not in known:
                yield f"5: {user} has no session {session} of the class that begins at {start.begins}"


def _has(machine: Machine, session: Instance) -> bool:
    return session.container in machine.containers


def _runs(machine: Machine, container: str) -> bool:
    return _stands(machine, container, frozen=False)


def _stands(machine: Machine, container: str, frozen: bool) -> bool:
    found = machine.containers.get(container)
    return found is not None and found.running and found.frozen is frozen
