"""Live a demand again by the rules alone: hosts boot, sessions come and go; no flow, no store, no cloud.

Time goes from event to event: a tick that decided nothing is not repeated until something happened, or until the answer
of a rule may change by time alone (see ``pool/what_if/turning_points.py``).
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from pool.courses.course import Course
from pool.decisions import Decision, DecisionKind
from pool.hosts.launching import USUAL
from pool.housekeeping.found import Probe
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import FlavorSize, Host, Instance
from pool.sessions.queue import QueueEntry, grants, wait_limit
from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState
from pool.what_if.reserved import ReservedSlots
from pool.what_if.turning_points import TurningPoints

TICK = timedelta(seconds=30)
USUAL_REMOVAL = 55.0  # seconds from asking until a tick knows that a server is gone: most are gone after 40
REMEMBERED = 20  # hosts: the latest that are gone say how long launches take, as far as it is looked at
_LEADS_TO = {
    DecisionKind.DRAIN: HostState.DRAINING,
    DecisionKind.LET_GO: HostState.DRAINING,
    DecisionKind.REMOVE: HostState.REMOVING,
    DecisionKind.CONFIRM_GONE: HostState.REMOVED,
}
_ANSWERS = Probe(answers=True, trouble="")


@dataclass(frozen=True)
class Moment:
    """How the pool stood from a moment on, until the next one."""

    at: datetime
    held: int  # slots that sessions hold
    waiting: int  # slots that queued sessions need
    room: int  # slots of active hosts, held or free
    hosts: Mapping[FlavorSize, int]  # that have a server


class Replay:
    """A pool that lives a demand, and what came of it.

    Args:
        settings: of the pool.
        visits: in the order of their requests, each with its stay.
        boots: seconds from spawn to active; the n-th host takes the n-th of them, and so on from the first again.
        removals: seconds from asking the cloud to remove a server until it was known to be gone; taken likewise.
        begin: when the pool is empty and housekeeping begins.
        until: when it ends.
        skips: whether ticks are left out that would decide nothing.
        courses: of the pool, whose slots are reserved for the visits of each.
    """

    def __init__(
        self,
        settings: PoolSettings,
        visits: Sequence[Visit],
        boots: Sequence[float],
        begin: datetime,
        until: datetime,
        skips: bool = True,
        courses: Sequence[Course] = (),
        removals: Sequence[float] = (),
    ) -> None:
        self.settings, self.visits, self.begin, self.until = settings, visits, begin, until
        self.boots, self.removals = boots or [USUAL.total_seconds()], removals or [USUAL_REMOVAL]
        self.now = begin
        self.waits: list[float] = []  # seconds until a session got its room, in the order in which they got it
        self.refused = 0  # sessions that were given up, or that no host is large enough for
        self.spawned = self.removed = 0
        self.ticks = 0
        self.moments: list[Moment] = []
        self._skips = skips
        self._hosts: dict[str, Host] = {}
        self._gone: dict[str, Host] = {}  # the latest
        self._queue: dict[str, tuple[Instance, Visit]] = {}
        self._events: list[tuple[datetime, int, str, str]] = []
        self._order = count()
        self._on: dict[str, tuple[str, Instance]] = {}  # by session: its host, and the session as it was requested
        self._servers: set[str] = set()
        self._reserved = ReservedSlots(courses)
        self._turning = TurningPoints(settings, begin, until, courses)

    def run(self) -> "Replay":
        """Live it to its end; return the replay itself."""
        for number, visit in enumerate(self.visits):
            self._at(visit.at, "arrive", str(number))
        acted = False
        while self.now < self.until:
            acted = self._tick()
            self._pass_until(min(self._next_tick(acted), self.until))
        self._note()
        return self

    # What decides; a benchmark's peer has other rules

    def decide(self, seen: Observation) -> list[Decision]:
        """What is to be done now."""
        return plan(seen, self.settings, self.now)

    def turns(self, line: Sequence[QueueEntry], hosts: Sequence[Host]) -> list[tuple[Instance, str]]:
        """Whose turn it is, each with the host that it goes to."""
        kept = self._reserved.kept(hosts, self.settings, self.now)
        return [(grant.instance, grant.hosts[0]) for grant in grants(line, hosts, self.settings, self.now, kept)]

    # Time

    def _at(self, moment: datetime, what: str, subject: str) -> None:
        heapq.heappush(self._events, (moment, next(self._order), what, subject))

    def _next_tick(self, acted: bool) -> datetime:
        """When housekeeping can have something to do again: on the grid of the ticks."""
        following = self.now + TICK
        if acted or self._queue or not self._skips:
            return following
        point = self._turning.after(self.now, self._known_hosts())
        event = self._events[0][0] if self._events else self.until
        waits = min(point, event) - following
        return following if waits <= timedelta() else following - (-waits // TICK) * TICK

    def _pass_until(self, moment: datetime) -> None:
        """Let happen what is due until then."""
        while self._events and self._events[0][0] <= moment:
            self.now, _, what, subject = heapq.heappop(self._events)
            getattr(self, f"_{what}")(subject)
            self._note()
        self.now = moment

    def _note(self) -> None:
        active = [host for host in self._hosts.values() if host.state in (HostState.ACTIVE, HostState.DRAINING)]
        sizes = [self._hosts[name].flavor for name in self._servers]
        moment = Moment(
            self.now,
            sum(host.reserved for host in self._hosts.values()),
            sum(instance.slots for instance, _ in self._queue.values()),
            sum(host.slots for host in active),
            {size: sizes.count(size) for size in FlavorSize},
        )
        self.moments.append(moment)

    # What happens

    def _arrive(self, number: str) -> None:
        visit = self.visits[int(number)]
        if visit.slots > self.settings.largest or self.settings.shutdown_mode:
            self.refused += 1
            return
        instance = self._reserved.session(f"v{int(number):07d}", visit, self.settings.name, self.now)
        self._queue[instance.id] = (instance, visit)
        self._serve()
        if instance.id in self._queue and not wait_limit(instance, self.settings):
            self._give_up(instance.id)

    def _leave(self, session: str) -> None:
        name, instance = self._on.pop(session)
        left = self._hosts[name].reserved - instance.slots
        self._reserved.give_back(instance)
        self._change(name, reserved=left, idle_since=None if left else self.now)
        self._serve()

    def _boot(self, name: str) -> None:
        if self._hosts[name].state in ON_THEIR_WAY:
            self._change(name, state=HostState.ACTIVE, state_since=self.now, answered_at=self.now, active_at=self.now)
            self._serve()

    def _vanish(self, name: str) -> None:
        self._servers.discard(name)

    # What housekeeping does

    def _tick(self) -> bool:
        """Decide and act; tell whether anything was done."""
        self.ticks += 1
        acts = [one for one in self.decide(self._seen()) if one.kind is not DecisionKind.WAIT]
        for decision in acts:
            self._act(decision)
        self._serve()
        if acts:
            self._note()
        return bool(acts)

    def _seen(self) -> Observation:
        living = self._hosts.values()
        return Observation(
            self._known_hosts(),
            tuple(instance for instance, _ in self._queue.values()),
            self._servers,
            probes={h.name: _ANSWERS for h in living if h.state in (HostState.ACTIVE, HostState.DRAINING)},
            busy_hosts={h.name for h in living if h.state in ON_THEIR_WAY},
            courses=self._reserved.unfilled,
        )

    def _known_hosts(self) -> tuple[Host, ...]:
        return (*self._gone.values(), *self._hosts.values())

    def _act(self, decision: Decision) -> None:
        if decision.kind is DecisionKind.SPAWN:
            self._spawn(decision.flavor or FlavorSize.SMALL)
        elif decision.kind is DecisionKind.GIVE_UP:
            self._give_up(decision.subject)
        elif decision.kind in _LEADS_TO:
            is_asked = self._hosts[decision.subject].state is HostState.REMOVING
            self._change(decision.subject, state=_LEADS_TO[decision.kind], state_since=self.now)
            if decision.kind is DecisionKind.REMOVE and not is_asked:
                self._remove(decision.subject)

    def _spawn(self, flavor: FlavorSize) -> None:
        name = f"{self.settings.name}-{self.spawned + 1:05d}"
        boot = self.boots[self.spawned % len(self.boots)]
        self.spawned += 1
        slots, pool = self.settings.slots_of(flavor), self.settings.name
        self._hosts[name] = Host(name, pool, HostState.CONFIGURING, flavor, slots, 0, self.now, self.now, name)
        self._servers.add(name)
        self._at(self.now + timedelta(seconds=boot), "boot", name)

    def _remove(self, name: str) -> None:
        """Have its server go; the tick that removes a host waits some seconds for that, another one finds it gone."""
        known = timedelta(seconds=self.removals[self.removed % len(self.removals)])
        self.removed += 1
        if known < TICK / 2:
            self._vanish(name)
            self._change(name, state=HostState.REMOVED, state_since=self.now)
        else:  # known by the tick nearest to it, and so gone half a tick before
            self._at(self.now + known - TICK / 2, "vanish", name)

    def _give_up(self, session: str) -> None:
        del self._queue[session]
        self.refused += 1

    def _serve(self) -> None:
        """Give out room in the order of the queue."""
        if not self._queue:
            return
        names = set(self._hosts)
        queue: Iterable[tuple[Instance, Visit]] = self._queue.values()
        line = [QueueEntry(one, [names], round(visit.allowed or visit.stayed or 0)) for one, visit in queue]
        for instance, name in self.turns(line, self._known_hosts()):
            _, visit = self._queue.pop(instance.id)
            host = self._hosts[name]
            used = {"reserved": host.reserved + instance.slots, "first_used_at": host.first_used_at or self.now}
            self._change(name, idle_since=None, **used)
            self._on[instance.id] = (name, instance)
            self._reserved.take(instance)
            self.waits.append((self.now - instance.created_at).total_seconds())
            self._at(self.now + timedelta(seconds=visit.stayed or 0), "leave", instance.id)

    def _change(self, name: str, **values: object) -> None:
        host = replace(self._hosts[name], **values)  # type: ignore[arg-type]  # of the record's own fields
        if host.state in LIVING_HOSTS:
            self._hosts[name] = host
            return
        del self._hosts[name]
        self._gone[name] = host
        if len(self._gone) > REMEMBERED:
            del self._gone[next(iter(self._gone))]
