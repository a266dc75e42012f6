"""A pool that the rules alone drive, in virtual time: hosts boot, sessions come and go; no flow, no store, no cloud."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pool.courses.course import Course
from pool.decisions import Decision, DecisionKind
from pool.housekeeping.found import Probe, SeenContainer
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import Fault, Host, Instance, Placement
from pool.sessions.placement import reservations_at
from pool.sessions.queue import QueueEntry, grants, queued_in_order
from pool.settings import PoolSettings
from pool.states import HOLDING_ROOM, LIVING_HOSTS, ON_THEIR_WAY, EndCause, HostState, InstanceState
from tests.rigs.pool_data import NOW, an_instance

TICK = 30  # seconds
REMEMBERED = 40  # hosts: those that are gone say how launches go, and all that ever were would take their time
HAS_SERVER = LIVING_HOSTS - {HostState.FAILED}


@dataclass
class Cloud:
    """How the pool's cloud and playbook behave; a test changes it while the pool lives."""

    boot: Callable[[int], float] = lambda number: 120.0  # seconds from spawn to active, of the n-th host
    delete: float = 40  # seconds from asking until a server is gone
    fault: Fault | None = None  # what each launch fails with at present
    headroom: dict | None = None
    silent: Callable[[str], bool] = lambda host: False  # whether a host's engine is out of reach


class RuledPool:
    """Hosts and sessions as records, and what housekeeping and the queue make of them."""

    def __init__(self, cloud: Cloud | None = None, tick: float = TICK, **settings: Any) -> None:
        self.cloud, self.settings, self.tick_seconds = cloud or Cloud(), PoolSettings(**settings), tick
        self.now = NOW
        self.courses: tuple[Course, ...] = ()
        self.hosts: dict[str, Host] = {}
        self.sessions: dict[str, Instance] = {}
        self.waited: dict[str, float] = {}  # seconds until each session got its place
        self.decided: list[tuple[datetime, Decision]] = []  # all but waiting
        self.waits = ""  # what stood in the way at the last tick
        self.host_seconds = self.slot_seconds = 0.0  # of servers, from asking for them until they are gone
        self._gone_at: dict[str, datetime] = {}
        self._numbers = count(1)
        self._alive: set[str] = set()  # sessions that have not ended

    def turn(self, **settings: Any) -> None:
        """The operator turns settings."""
        self.settings = replace(self.settings, **settings)

    def ask(self, number: int = 1, slots: int = 1, seconds: int = 3600, **options: Any) -> list[str]:
        """So many users ask for a session; their ids."""
        ids = [f"s-{next(self._numbers):05d}" for _ in range(number)]
        for one in ids:
            dates = {"expires_at": None, "created_at": self.now, "state_since": self.now}
            asked = an_instance(one, host=None, state=InstanceState.QUEUED, slots=slots, **dates)
            self.sessions[one] = replace(asked, options=options | {"lifetime": seconds})
            self._alive.add(one)
        self._serve()
        return ids

    def leave(self, ids: Iterable[str]) -> None:
        """These sessions end."""
        for one in ids:
            self._end(one, InstanceState.DELETED)
        self._serve()

    def run(self, seconds: float) -> "RuledPool":
        """Let time pass, with a tick each half minute, or as the pool was told; give the pool back."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.tick()
            self.now += timedelta(seconds=self.tick_seconds)
            self._pass()
        return self

    def tick(self) -> None:
        """One run of housekeeping."""
        decisions = self.decide(self._seen())
        self.waits = next((one.reason for one in decisions if one.kind is DecisionKind.WAIT), "")
        for decision in decisions:
            if decision.kind is not DecisionKind.WAIT:
                self.decided.append((self.now, decision))
                self._act(decision)
        self._serve()

    # What decides

    def decide(self, seen: Observation) -> list[Decision]:
        """What is to be done now."""
        return plan(seen, self.settings, self.now)

    def turns(self, queue: Sequence[Instance]) -> list[tuple[Instance, str]]:
        """Whose turn it is, each with the host that it goes to."""
        line, hosts = [QueueEntry(one, [set(self.hosts)], 86400) for one in queue], self._recent()
        reserved = reservations_at(self.courses, lambda course: set(self.hosts), hosts, self.settings, self.now)
        kept = reserved.kept(hosts, self.sessions.values())
        return [(turn.instance, turn.hosts[0]) for turn in grants(line, hosts, self.settings, self.now, kept)]

    # What a test asks

    def sizes(self, *states: HostState) -> list[int]:
        """Slots of the hosts in these states, or of all active ones, the largest first."""
        wanted = states or (HostState.ACTIVE,)
        return sorted((host.slots for host in self.hosts.values() if host.state in wanted), reverse=True)

    @property
    def free(self) -> int:
        """Free slots on active hosts."""
        return sum(host.free for host in self.hosts.values() if host.state is HostState.ACTIVE)

    @property
    def living(self) -> int:
        """Hosts that count against the most allowed."""
        return sum(host.state in LIVING_HOSTS for host in self.hosts.values())

    def having(self, state: InstanceState) -> list[Instance]:
        """The sessions in this state."""
        return [one for one in self.sessions.values() if one.state is state]

    def made(self, kind: DecisionKind) -> list[str]:
        """What decisions of this kind were about, in order."""
        return [decision.subject for _, decision in self.decided if decision.kind is kind]

    # What the world does

    def _seen(self) -> Observation:
        hosts = self._recent()
        listed = {h.name for h in hosts if h.state in HAS_SERVER and h.name not in self._gone_by_now()}
        asked = {h.name: not self.cloud.silent(h.name) for h in hosts if h.state in ANSWERING}
        self._note_reach(asked)
        return Observation(
            self._recent(),
            tuple(self.sessions[one] for one in sorted(self._alive)),
            listed,
            probes={name: Probe(answers, containers=self._on(name), trouble="") for name, answers in asked.items()},
            busy_hosts={h.name for h in hosts if h.state in ON_THEIR_WAY},
            headroom=self.cloud.headroom or {},
            courses=self.courses,
            started=frozenset(self.sessions),
            cut_off_lately=self._said_lately(DecisionKind.CUT_OFF),
        )

    def _on(self, host: str) -> tuple[SeenContainer, ...]:
        here = (self.sessions[one] for one in sorted(self._alive))
        return tuple(SeenContainer(one.container, one.id) for one in here if one.host == host)

    def _said_lately(self, kind: DecisionKind) -> bool:
        return any(one.kind is kind for at, one in self.decided[-50:] if at >= self.now - timedelta(minutes=10))

    def _recent(self) -> tuple[Host, ...]:
        latest = list(self.hosts.values())
        older = (host for host in latest[:-REMEMBERED] if host.state in LIVING_HOSTS)
        return (*older, *latest[-REMEMBERED:])

    def _note_reach(self, asked: dict[str, bool]) -> None:
        for name, answers in asked.items():
            since = None if answers else self.hosts[name].unreachable_since or self.now
            self._change(name, unreachable_since=since)

    def _gone_by_now(self) -> set[str]:
        return {name for name, at in self._gone_at.items() if at <= self.now}

    def _pass(self) -> None:
        """What happened meanwhile: hosts boot, or fail to; sessions end."""
        for host in self._recent():
            if host.state in HAS_SERVER and host.name not in self._gone_by_now():
                self.host_seconds += self.tick_seconds
                self.slot_seconds += self.tick_seconds * host.slots
            if host.state in ON_THEIR_WAY:
                self._boot(host)
        for one in sorted(self._alive):
            ends = self.sessions[one].expires_at
            if ends and ends <= self.now:
                self._end(one, InstanceState.DELETED)
        self._serve()

    def _boot(self, host: Host) -> None:
        age = (self.now - host.created_at).total_seconds()
        if self.cloud.fault and age >= TICK * 2:
            failed = {"fault": self.cloud.fault, "last_error": "it failed", "last_error_at": self.now}
            self._change(host.name, state=HostState.REMOVED, state_since=self.now, **failed)
        elif age >= self.cloud.boot(int(host.name[5:])):
            self._change(host.name, state=HostState.ACTIVE, state_since=self.now, active_at=self.now)
        elif age >= TICK and host.state is HostState.SPAWNING:
            self._change(host.name, state=HostState.CONFIGURING, state_since=self.now, answered_at=self.now)

    def _act(self, decision: Decision) -> None:
        name, kind = decision.subject, decision.kind
        if kind is DecisionKind.SPAWN:
            self._spawn(decision)
        elif kind in LEADS_TO:
            self._change(name, state=LEADS_TO[kind], state_since=self.now, reason=decision.reason)
            if kind is DecisionKind.REMOVE:
                self._gone_at.setdefault(name, self.now + timedelta(seconds=self.cloud.delete))
        elif kind is DecisionKind.GIVE_UP:
            self._end(name, InstanceState.FAILED, decision.cause)
        elif kind in (DecisionKind.FAIL_INSTANCE, DecisionKind.EXPIRE):
            self._end(name, InstanceState.FAILED if decision.cause is EndCause.HOST_LOST else InstanceState.DELETED)

    def _spawn(self, decision: Decision) -> None:
        name, flavor = f"main-{len(self.hosts) + 1:04d}", decision.flavor
        assert flavor, "a host of no size"
        slots = self.settings.slots_of(flavor)
        self.hosts[name] = Host(
            name, "main", HostState.SPAWNING, flavor, slots, 0, self.now, self.now, server_id=name
        )  # fmt: skip
        assert self.living <= self.settings.max_hosts, "more hosts than allowed"

    def _serve(self) -> None:
        """Give out room in the order of the queue."""
        queue = queued_in_order(self.sessions[one] for one in self._alive)
        if not queue:
            return
        for one, name in self.turns(queue):
            host = self.hosts[name]
            assert host.state is HostState.ACTIVE, "room on a host that takes no sessions"
            assert host.free >= one.slots, "over-committed"
            used = {"reserved": host.reserved + one.slots, "first_used_at": host.first_used_at or self.now}
            self._change(host.name, idle_since=None, **used)
            ends = self.now + timedelta(seconds=one.options["lifetime"])
            here = Placement(host.name, 20000)
            running = replace(one, state=InstanceState.RUNNING, state_since=self.now, placement=here, expires_at=ends)
            self.sessions[one.id] = running
            self.waited[one.id] = (self.now - one.created_at).total_seconds()

    def _end(self, one: str, state: InstanceState, cause: EndCause | None = None) -> None:
        session = self.sessions[one]
        if session.state in HOLDING_ROOM:
            host = self.hosts[session.get_placement().host]
            left = host.reserved - session.slots
            self._change(host.name, reserved=left, idle_since=None if left else self.now)
        self.sessions[one] = replace(session, state=state, placement=None, end_cause=cause)
        self._alive.discard(one)

    def _change(self, name: str, **values: Any) -> None:
        self.hosts[name] = replace(self.hosts[name], **values)


ANSWERING = frozenset({HostState.ACTIVE, HostState.DRAINING})
LEADS_TO = {
    DecisionKind.DRAIN: HostState.DRAINING,
    DecisionKind.LET_GO: HostState.DRAINING,
    DecisionKind.RETURN: HostState.ACTIVE,
    DecisionKind.FAIL_HOST: HostState.FAILED,
    DecisionKind.REMOVE: HostState.REMOVING,
    DecisionKind.CONFIRM_GONE: HostState.REMOVED,
}
