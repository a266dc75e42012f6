"""Which standbys a request may have, which are given up for want of room, which end, and where others begin."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pool.hosts.lifetime import remaining, takes_sessions
from pool.printable import how_many
from pool.records import BlueprintSpec, Host
from pool.settings import PoolSettings
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import STANDING, Standby, StandbyState
from pool.states import HostState

LONGEST_LIFE = 6 * 3600  # seconds that one stands by, until a fresh one takes its place
ASKED_AGAIN = 45  # seconds of a start after which its flow run is asked for again: the first asking may be lost
PAUSE = 600  # seconds after one failed in which none of its blueprint is begun
AT_ONCE = 4  # that start at the same time in a pool: engines slow down under many starts, and users' come first
#: Which makes room first: one that goes anyway; one whose container no other run is at.
GIVEN_UP_FIRST = (StandbyState.ENDING, StandbyState.READY, StandbyState.STARTING)
#: Of a host that is gone or goes: with it, its containers end.
LOST = frozenset({HostState.FAILED, HostState.REMOVING, HostState.REMOVED})


@dataclass(frozen=True)
class Standbys:
    """The standbys of a pool, and what is decided about them by."""

    all: Sequence[Standby]  # that hold room, and those that failed lately
    specs: Mapping[str, StandbySpec]  # by blueprint, of those that want some
    hosts: Mapping[str, Host]  # of the pool, by name
    settings: PoolSettings
    now: datetime
    ailing: Mapping[str, str] = field(default_factory=dict)  # ids of those that are unwell, and why
    queue: bool = False  # whether sessions wait for room

    @property
    def standing(self) -> list[Standby]:
        """Those that hold room."""
        return [one for one in self.all if one.state in STANDING]

    def serves(self, name: str) -> bool:
        """Whether a new session might go to the host."""
        host = self.hosts.get(name)
        return host is not None and host.state is HostState.ACTIVE and takes_sessions(host, self.settings, self.now)


def adoptable(case: Standbys, blueprint: str, seconds: float) -> list[Standby]:
    """List those that a request may have, best first.

    Those on hosts that outlive the session come first, then those on the fullest host, so that lightly used ones empty
    out, then the oldest.

    Args:
        case: the standbys of its pool.
        blueprint: name of the one that the session is made by.
        seconds: that it may last.
    """
    spec = case.specs.get(blueprint)
    fit = [
        (case.hosts[one.host], one)
        for one in case.all
        if one.host and spec and one.state is StandbyState.READY and case.serves(one.host) and _is_of(one, spec)
    ]

    def order(found: tuple[Host, Standby]) -> tuple[bool, int, datetime, str]:
        host, one = found
        return remaining(host, case.settings, case.now) < seconds, host.free, one.created_at, one.id

    return [one for _, one in sorted(fit, key=order)]


def _is_of(one: Standby, spec: StandbySpec) -> bool:
    """Whether it is what a session that is started cold on its host would be now."""
    return one.made_by == spec.digest and spec.images.get(one.host or "") == one.image


def to_give_up(standbys: Iterable[Standby], hosts: Sequence[Host], slots: int) -> list[Standby]:
    """Return those to be ended so that a session finds room, all of one host; none where that would not do.

    Args:
        standbys: of the pool.
        hosts: where the session could go, best first.
        slots: that it needs.
    """
    there: dict[str, list[Standby]] = {}
    for one in sorted(standbys, key=lambda one: (GIVEN_UP_FIRST.index(one.state), one.created_at, one.id)):
        there.setdefault(one.host or "", []).append(one)
    found = (_making_room(there.get(host.name, ()), slots - (host.free - host.standby)) for host in hosts)
    return next(filter(None, found), [])


def _making_room(here: Iterable[Standby], needed: int) -> list[Standby]:
    chosen: list[Standby] = []
    for one in here:
        if needed <= 0:
            break
        chosen.append(one)
        needed -= one.slots
    return chosen if needed <= 0 else []


def to_end(case: Standbys) -> dict[str, str]:
    """Name the standbys that are to end now, by their ids, each with the reason."""
    ends = {one.id: why for one in case.standing if (why := _why_ended(one, case))}
    for name, spec in case.specs.items():
        left = [one for one in case.standing if one.blueprint == name and one.id not in ends]
        left.sort(key=lambda one: (one.created_at, one.id), reverse=True)
        wanted = spec.wanted_at(case.now)
        words = f"blueprint {name} has {how_many(len(left), 'standby')}, and wants {wanted}"
        ends |= {one.id: words for one in left[wanted.standbys :]}
    return ends


def _why_ended(one: Standby, case: Standbys) -> str:
    return next(filter(None, (*_troubles_of_host(one, case), *_troubles(one, case))), "")


def _troubles_of_host(one: Standby, case: Standbys) -> Iterator[str]:
    host = case.hosts.get(one.host or "")
    if host is None:
        yield f"its host {one.host} is not there any more"
    elif host.state is not HostState.ACTIVE:
        yield f"its host {host.name} is {host.state}"
    elif host.is_fit and not case.serves(host.name):
        yield f"its host {host.name} takes no new sessions"


def _troubles(one: Standby, case: Standbys) -> Iterator[str]:
    spec, age = case.specs.get(one.blueprint), (case.now - one.state_since).total_seconds()
    if one.state is StandbyState.ENDING:
        yield one.reason or "its end was not finished"
    elif case.settings.shutdown_mode:
        yield "the pool is in shutdown mode"
    elif spec is None:
        yield f"blueprint {one.blueprint} wants none"
    elif not _is_of(one, spec):
        yield f"blueprint {one.blueprint} or its image was changed since"
    elif one.id in case.ailing:
        yield case.ailing[one.id]
    elif one.state is StandbyState.STARTING and age > longest_start(one, spec.blueprint):
        yield f"still {one.state} after {age:.0f} s"
    elif one.state is StandbyState.READY and age > LONGEST_LIFE:
        yield f"it stood by for {age:.0f} s: a fresh one takes its place"


def to_ask_again(case: Standbys, ends: Collection[str]) -> dict[str, str]:
    """Name the standbys whose start takes long, by their ids, each with the reason.

    The process that recorded one may have died before it asked for the run that starts it.
    """
    starting = [one for one in case.standing if one.state is StandbyState.STARTING and one.id not in ends]
    ages = {one.id: (case.now - one.state_since).total_seconds() for one in starting}
    return {name: f"still starting after {age:.0f} s" for name, age in ages.items() if age > ASKED_AGAIN}


def longest_start(one: Standby, blueprint: BlueprintSpec) -> int:
    """Seconds that one may be starting: its container, the waiting for it, and some for a run that had to wait.

    And those for which one that is to be frozen runs on before.
    """
    return one.start_timeout + 120 + (blueprint.standby_warm_up if blueprint.standby_frozen else 0)


def to_start(case: Standbys, ends: Collection[str]) -> list[tuple[str, str]]:
    """Name the hosts on which standbys are to begin, each with its blueprint.

    Only in room that no session waits for. It is free room all the same: the pool's target counts it.

    Args:
        case: the standbys of a pool.
        ends: ids of those that end now.
    """
    if case.settings.shutdown_mode or case.queue:
        return []
    staying = [one for one in case.standing if one.id not in ends]
    there = Counter(one.blueprint for one in staying)
    places = AT_ONCE - sum(one.state is StandbyState.STARTING for one in staying)
    hosts, begun = dict(case.hosts), list[tuple[str, str]]()
    for name, spec in sorted(case.specs.items()):
        missing = 0 if _failed_lately(name, case) else spec.wanted_at(case.now).standbys - there[name]
        for _ in range(min(missing, places - len(begun))):
            host = _place_for(spec, hosts, case)
            if host is None:
                break
            begun.append((host.name, name))
            hosts[host.name] = replace(host, standby=host.standby + spec.blueprint.slots)
    return begun


def _failed_lately(blueprint: str, case: Standbys) -> bool:
    failed = (one for one in case.all if one.blueprint == blueprint and one.state is StandbyState.FAILED)
    return any((case.now - one.state_since).total_seconds() < PAUSE for one in failed)


def _place_for(spec: StandbySpec, hosts: Mapping[str, Host], case: Standbys) -> Host | None:
    """Return the fullest host that has the image and room."""
    slots = spec.blueprint.slots
    fit = [hosts[name] for name in spec.images if case.serves(name) and hosts[name].free - hosts[name].standby >= slots]
    return min(fit, key=lambda host: (host.free - host.standby, host.name), default=None)
