"""Search the settings that keep a wait for the fewest host-hours, and say why they do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pool.printable import how_many
from pool.settings import PoolSettings
from pool.what_if.figures import Figures, figures
from pool.what_if.rushes import timetable_of_rushes
from pool.what_if.study import Past

Say = Callable[[str], None]
_TRIES = 4  # targets between two that are known, of each kind of settings


@dataclass(frozen=True)
class Candidate:
    """Settings that were tried, and what came of them."""

    settings: PoolSettings
    words: str  # what is special about them
    figures: Figures

    def keeps(self, wait_p95: float, refused: int) -> bool:
        """Whether the wait is kept, and no more sessions are refused than today."""
        return self.figures.wait_p95_s <= wait_p95 and self.figures.refused <= refused


@dataclass(frozen=True)
class Advice:
    """The best settings that were found, and the reasons."""

    today: Candidate
    best: Candidate
    kept: bool  # whether they keep the wait
    reasons: tuple[str, ...]

    @property
    def changes(self) -> list[str]:
        """The settings to turn, as an operator writes them; none: today's are the best."""
        return [*_changes(self.today.settings, self.best.settings)]


def advise(past: Past, today: PoolSettings, wait_p95: float, say: Say = lambda _: None) -> Advice:
    """Try targets, timetables and flavors, and take the ones with the fewest host-hours that keep the wait.

    The target is found by halving: more free slots never wait longer. Where nothing keeps the wait, the settings with
    the shortest wait are taken.

    Args:
        past: that is replayed under each of them.
        today: the pool's settings.
        wait_p95: seconds that 95 of 100 sessions may wait at most.
        say: what is told of each try.
    """
    search = _Search(past, say)
    now = search.tried(today, "today's settings")
    allowed = now.figures.refused
    found = [now]
    for words, settings in _kinds(past, today):
        found += search.targets(settings, words, wait_p95, allowed)
    keeping = [one for one in found if one.keeps(wait_p95, allowed)]
    if keeping:
        best = min(keeping, key=lambda one: (one.figures.small_host_hours, one is not now))
    else:
        best = min(found, key=lambda one: (one.figures.refused, one.figures.wait_p95_s, one.figures.small_host_hours))
    return Advice(now, best, bool(keeping), tuple(_reasons(now, best, found, wait_p95, bool(keeping))))


class _Search:
    """Tries settings, each once."""

    def __init__(self, past: Past, say: Say) -> None:
        self._past, self._say = past, say
        self._known: dict[PoolSettings, Candidate] = {}

    def tried(self, settings: PoolSettings, words: str) -> Candidate:
        if settings not in self._known:
            candidate = Candidate(settings, words, figures(self._past.replay(settings)))
            self._known[settings] = candidate
            self._say(_line(candidate))
        return self._known[settings]

    def targets(self, settings: PoolSettings, words: str, wait_p95: float, allowed: int) -> Iterator[Candidate]:
        """Yield what was tried on the way to the least target that keeps the wait."""
        most = max(settings.slots_large, 2 * settings.free_slot_target)
        low, high = 0, most
        first = self.tried(replace(settings, free_slot_target=high), words)
        yield first
        if not first.keeps(wait_p95, allowed):
            return
        for _ in range(_TRIES):
            if high - low < 2:
                return
            middle = (low + high) // 2
            candidate = self.tried(replace(settings, free_slot_target=middle), words)
            yield candidate
            low, high = (low, middle) if candidate.keeps(wait_p95, allowed) else (middle, high)


def _kinds(past: Past, today: PoolSettings) -> Iterator[tuple[str, PoolSettings]]:
    """Yield the kinds of settings whose targets are searched."""
    free = [visit for visit in past.visits if not past.has_course(visit.course)]  # the others have reserved slots
    rushes = timetable_of_rushes(free, past.zone, today.slots_small)
    timetables = {today.timetable: "today's timetable"}
    timetables.setdefault((), "no timetable")
    timetables.setdefault(rushes, "a timetable of the rushes on record")
    for timetable, words in timetables.items():
        yield words, replace(today, timetable=timetable)
    if today.slots_large != today.slots_small:
        best = rushes or today.timetable
        if today.large_from < today.slots_large:
            few = f"large hosts from {how_many(today.slots_large, 'slot')} in use on"
            yield few, replace(today, timetable=best, large_from=today.slots_large)
        hosts = -(-today.max_hosts * today.slots_large // today.slots_small)
        small = {"slots_large": today.slots_small, "flavor_large": today.flavor_small, "max_hosts": hosts}
        yield f"small hosts alone, {hosts} for as many slots", replace(today, timetable=best, **small)  # type: ignore[arg-type]  # ints and texts


def _reasons(now: Candidate, best: Candidate, found: Sequence[Candidate], wait_p95: float, kept: bool) -> Iterator[str]:
    if not kept:
        peak = best.figures.hosts_at_the_peak
        yield (
            f"none of the {how_many(len(found), 'setting')} tried keeps 95 of 100 waits within {wait_p95:.0f} s;"
            f" these come nearest, with {best.figures.wait_p95_s:.0f} s"
        )
        if peak >= best.settings.max_hosts:
            yield f"DD_MAX_HOSTS={best.settings.max_hosts} is reached: try more with what-if DD_MAX_HOSTS={2 * peak}"
    if best is now:
        yield "today's settings are the best of those that were tried"
        return
    saved = now.figures.small_host_hours - best.figures.small_host_hours
    more = f"{abs(saved):.0f} small-host-hours {'fewer' if saved >= 0 else 'more'} than today"
    waits = f"wait {_waits(now)} today, {_waits(best)} then"
    yield f"{best.words}, target {best.settings.free_slot_target}: {more}, {waits}"
    yield from _others(best, found, wait_p95, now.figures.refused)


def _others(best: Candidate, found: Sequence[Candidate], wait_p95: float, allowed: int) -> Iterator[str]:
    """Say of each other kind of settings why it is not taken."""
    for words in dict.fromkeys(one.words for one in found if one.words != best.words):
        alike = [one for one in found if one.words == words]
        good = [one for one in alike if one.keeps(wait_p95, allowed)]
        if good:
            least = min(good, key=lambda one: one.figures.small_host_hours)
            yield f"{words}: keeps the wait too, for {least.figures.small_host_hours:.0f} small-host-hours"
        else:
            least = min(alike, key=lambda one: one.figures.wait_p95_s)
            yield f"{words}: {_waits(least)} at best, with target {least.settings.free_slot_target}"


def _waits(one: Candidate) -> str:
    return f"{one.figures.wait_p95_s:.0f} s (p95)" + (f", {one.figures.refused} refused" * bool(one.figures.refused))


def _line(one: Candidate) -> str:
    return f"{one.words}, target {one.settings.free_slot_target}: {_waits(one)}, {one.figures.small_host_hours:.0f} h"


def _changes(today: PoolSettings, best: PoolSettings) -> Iterator[str]:
    if best.free_slot_target != today.free_slot_target:
        yield f"DD_FREE_SLOT_TARGET={best.free_slot_target}"
    if best.timetable != today.timetable:
        yield f"DD_TIMETABLE={'; '.join(entry.text for entry in best.timetable)}"
    if best.max_hosts != today.max_hosts:
        yield f"DD_MAX_HOSTS={best.max_hosts}"
    if best.large_from != today.large_from:
        yield f"DD_HOST_FLAVOR_LARGE_FROM={best.large_from}"
    if best.slots_large != today.slots_large:
        yield f"DD_HOST_FLAVOR_NAME_LARGE={best.flavor_large}"
        yield f"DD_HOST_FLAVOR_SLOTS_LARGE={best.slots_large}"


def advice_rows(advice: Advice) -> list[dict[str, str]]:
    """One row for each setting to turn, and for each reason: what, text."""
    turn = [{"what": "turn", "text": change} for change in advice.changes]
    return [*turn, *({"what": "because", "text": reason} for reason in advice.reasons)]
