"""What is left of a blow: orphans, lost sessions, wrong room; what became of requests is judged in `accepted`."""

import subprocess
from dataclasses import dataclass, field, fields

from pool.records import Host, Instance
from pool.standbys.standby import Standby, StandbyState
from pool.states import HOLDING_ROOM, LIVING_HOSTS, ON_THEIR_WAY, HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.scenes.rules import given_twice
from tests.reliability.victims import Battlefield

BETWEEN = {InstanceState.STARTING, InstanceState.MOVING, InstanceState.STOPPING}
FLOWS_OF_HOSTS = ["spawn-host", "configure-host"]
FLOWS_OF_SESSIONS = ["provision-instance", "deprovision-instance", "move-instance", "housekeep"]


@dataclass
class Judgement:
    """Lists of sentences; all empty is what is wanted."""

    accepted_lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    sessions_lost: list[str] = field(default_factory=list)
    slots_wrong: list[str] = field(default_factory=list)
    told_twice: list[str] = field(default_factory=list)
    backups_lost: list[str] = field(default_factory=list)
    restored_wrong: list[str] = field(default_factory=list)  # half, twice, or what was not kept
    given_twice: list[str] = field(default_factory=list)
    standbys_missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = [sentence for kind in KINDS for sentence in getattr(self, kind)]
        return "; ".join(said) or "nothing"


#: What is counted, in the order in which it is said.
KINDS = tuple(part.name for part in fields(Judgement))


def judge(field_: Battlefield, store: PoolStore, bystanders: list[str]) -> Judgement:
    """Compare SQL, the cloud, the hosts' engines, the gateway and Prefect's runs.

    Args:
        field_: the stack.
        store: its pool's database.
        bystanders: sessions that ran before the blow, on hosts that were not struck.
    """
    hosts, instances, standbys = store.hosts.all("main"), store.instances.all("main"), store.standbys.all("main")
    found = Judgement()
    found.slots_wrong += wrong_room(hosts, instances, standbys)
    found.orphans += _servers(field_, hosts) + _containers(field_, hosts, instances, standbys)
    found.orphans += _routes(field_, instances) + _left_half_done(field_, hosts, instances)
    found.given_twice += given_twice(instances, standbys)
    found.sessions_lost += _lost(instances, bystanders)
    return found


def wrong_room(hosts: list[Host], instances: list[Instance], standbys: list[Standby]) -> list[str]:
    """Which hosts have other slots on record than what holds room there."""
    wrong = []
    for host in hosts:
        held = sum(one.slots for one in instances if one.host == host.name and one.state in HOLDING_ROOM)
        stood_by = sum(one.slots for one in standbys if one.host == host.name)
        if (host.reserved, host.standby) != (held, stood_by) or held + stood_by > host.slots:
            said = f"{host.reserved} of {host.slots} slots reserved and {host.standby} for standbys"
            wrong.append(f"{host.name} has {said}, {held} and {stood_by} held")
    return wrong


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def _servers(field_: Battlefield, hosts: list[Host]) -> list[str]:
    label = f"label=dockerdriver.namespace={field_.settings.identity}"
    shape = '{{.Label "dockerdriver.host"}}'
    servers = _lines("docker", "-H", field_.stack.engine, "ps", "-a", "--filter", label, "--format", shape)
    living = {host.name for host in hosts if host.state in LIVING_HOSTS}
    return [f"server {name} has no living record" for name in servers if name not in living]


def _containers(
    field_: Battlefield, hosts: list[Host], instances: list[Instance], standbys: list[Standby]
) -> list[str]:
    wrong, standing_by = [], {one.container: one for one in standbys}
    for host in hosts:
        if host.state is not HostState.ACTIVE or not field_.host_runs(host.name):
            continue
        there, runs = set(_containers_on(field_, host, "-a")), set(_containers_on(field_, host))
        wanted = {i.container for i in instances if i.host == host.name and i.state in HOLDING_ROOM}
        wanted |= {name for name, one in standing_by.items() if one.host == host.name}
        must = {i.container for i in instances if i.host == host.name and i.state is InstanceState.RUNNING}
        must |= {name for name in wanted & standing_by.keys() if standing_by[name].state is StandbyState.READY}
        wrong += [f"container {name} on {host.name} has no record" for name in there - wanted]
        wrong += [f"record {name} on {host.name} has no container" for name in must - runs]
        frozen = set(_containers_on(field_, host, "--filter", "status=paused"))
        wrong += [f"session {name} on {host.name} is frozen" for name in (must - standing_by.keys()) & frozen]
    return wrong


def _containers_on(field_: Battlefield, host: Host, *which: str) -> list[str]:
    outer = f"{field_.settings.identity}-{host.name}"
    inner = ("docker", "ps", *which, "--filter", "label=dockerdriver.instance", "--format", "{{.Names}}")
    return _lines("docker", "-H", field_.stack.engine, "exec", outer, *inner)


def _routes(field_: Battlefield, instances: list[Instance]) -> list[str]:
    published = {route.id for route in field_.gateway.list_routes()}
    running = {i.route: i.id for i in instances if i.state is InstanceState.RUNNING}
    wrong = [f"session {name} has no route" for route, name in running.items() if route not in published]
    return wrong + [f"{len(published - running.keys())} routes have no session"] * bool(published - running.keys())


def _left_half_done(field_: Battlefield, hosts: list[Host], instances: list[Instance]) -> list[str]:
    """What is on its way, while no run under way would take it further.

    A session whose host is out of reach waits with it: unknown is not gone, and every tick tries again.
    """
    out_of_reach = {host.name for host in hosts if host.unreachable_since}
    for_hosts = field_.stack.runs_under_way(FLOWS_OF_HOSTS)
    for_sessions = field_.stack.runs_under_way(FLOWS_OF_SESSIONS)
    wrong = [f"host {host.name} is {host.state}" for host in hosts if host.state in ON_THEIR_WAY and not for_hosts]
    wrong += [
        f"session {i.id} is {i.state}"
        for i in instances
        if i.state in BETWEEN and not for_sessions and i.host not in out_of_reach
    ]
    return [f"{said}, and no run works on it" for said in wrong]


def _lost(instances: list[Instance], bystanders: list[str]) -> list[str]:
    states = {instance.id: instance for instance in instances}
    gone = [states[name] for name in bystanders if states[name].state is not InstanceState.RUNNING]
    return [f"session {one.id} is {one.state}: {one.reason}" for one in gone]
