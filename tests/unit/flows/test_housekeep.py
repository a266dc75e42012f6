"""A tick: no host, no act and no pool takes anything from the others, and what is left undone is said."""

import asyncio
import logging
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from flows import housekeep as module
from flows.steps import pace as pacing
from flows.steps.pace import Pace
from pool.decisions import Decision, DecisionKind, RecordedDecision, without_repeats
from pool.errors import CloudTrouble
from pool.housekeeping.observation import Observation
from pool.settings import PoolSettings
from tests.rigs.pool_data import NOW, a_host

pytestmark = pytest.mark.unit

NEVER = 3600


@pytest.fixture(autouse=True)
def _log(monkeypatch):
    for where in (module, pacing):
        monkeypatch.setattr(where, "get_run_logger", lambda: logging.getLogger("test"))


def outcomes(*acts, seconds=NEVER, where=str):
    """How each act ended; they are begun at once, each on a host of its own unless *where* says otherwise."""

    async def do_all():
        pace = Pace(seconds)
        return await asyncio.gather(*(pace.do(where(number), act) for number, act in enumerate(acts)))

    return asyncio.run(do_all())


async def works():
    await asyncio.sleep(0)


async def hangs():
    await asyncio.sleep(NEVER)


async def fails():
    raise CloudTrouble("no answer")


async def has_a_bug():
    raise KeyError("surprise")


def test_every_act_ends_in_its_own_words():
    assert outcomes(works, fails, has_a_bug) == ["done", "no answer", "KeyError: 'surprise'"]


def test_an_act_that_hangs_is_left_and_the_others_are_done(monkeypatch):
    monkeypatch.setattr(pacing, "ACT_SECONDS", 0.05)
    assert outcomes(hangs, works, hangs, works) == ["not done in its time", "done"] * 2


def test_a_host_on_which_everything_hangs_leaves_places_for_the_others(monkeypatch):
    monkeypatch.setattr(pacing, "AT_ONCE", 5)  # and 4 on one host
    done = outcomes(*[hangs] * 9, works, seconds=0.5, where=lambda number: "dead" if number < 9 else "alive")
    assert done[9] == "done"


def test_what_could_not_be_begun_before_the_ticks_end_is_said(monkeypatch):
    monkeypatch.setattr(pacing, "ON_ONE_HOST", 1)
    said = outcomes(hangs, works, seconds=0.05, where=lambda _: "main-01")
    assert said == ["not done in its time", "not begun: the tick's 0 s were over"]


@pytest.fixture
def ticked(monkeypatch):
    """Tend pools with a world that is said in a few words; what each pool reports, and what was decided and done."""
    acted = []

    async def act(decision, _number):
        acted.append(decision.subject)

    async def record(_pool, _decisions):
        return 1

    async def nothing(*_):
        return None

    @asynccontextmanager
    async def free(*_, **__):
        yield SimpleNamespace(check=lambda: None)

    for name, double in (("act", act), ("record_tick", record), ("lease", free)):
        monkeypatch.setattr(module, name, double)
    for name in ("note_strays", "see_to_queue", "note_left", "show_decisions", "show_hosts", "bring_images"):
        monkeypatch.setattr(module, name, nothing)

    def tick(observe, settings=None, pools=("gpu", "main")):
        async def read(pool):
            return settings(pool) if settings else PoolSettings(name=pool, free_slot_target=0)

        async def all_pools():
            return await asyncio.gather(*(module.tend_or_say(pool) for pool in pools))

        monkeypatch.setattr(module, "observe", observe)
        monkeypatch.setattr(module, "read_settings", read)
        return dict(zip(pools, asyncio.run(all_pools()), strict=True)), acted

    return tick


def of_two_pools(broken):
    """A look at two pools: of gpu it ends badly; in main a failed host is to be removed."""

    async def observe(pool):
        if pool == "gpu":
            await broken()
        host = a_host(state="failed")
        return Observation((host,), (), frozenset({host.name}))

    return observe


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(fails, "gpu: no answer"), (has_a_bug, "gpu: KeyError: 'surprise'"),
     (hangs, "gpu: it could not be looked at within 0.1 s; nothing is decided")],
)  # fmt: skip
def test_trouble_in_one_pool_is_said_and_never_touches_another(ticked, monkeypatch, trouble, said):
    monkeypatch.setattr(module, "OBSERVE_SECONDS", 0.1)
    reports, acted = ticked(of_two_pools(trouble))
    assert reports["gpu"] == said
    assert (reports["main"], acted) == ("main: 1 decisions", ["main-01"])


def test_settings_of_one_pool_that_make_no_sense_stop_that_pool_alone(ticked):
    def settings(pool):
        return PoolSettings(name=pool, slots_large=0 if pool == "gpu" else 24, free_slot_target=0)

    reports, acted = ticked(of_two_pools(works), settings)
    assert reports["gpu"] == "gpu: pool gpu: a host must have at least 1 slot, small or large"
    assert acted == ["main-01"]


def test_of_a_reason_to_wait_that_is_said_at_every_tick_the_latest_is_shown():
    full, spawn = Decision(DecisionKind.WAIT, "main", "full"), Decision(DecisionKind.SPAWN, "main", "0 free", "small")
    ticks = [RecordedDecision(what, tick, "main", NOW) for tick, what in ((9, full), (8, full), (7, spawn), (6, spawn))]
    assert [recorded.tick for recorded in without_repeats(ticks)] == [9, 7, 6]


def test_a_pool_that_may_not_spawn_says_what_it_waits_for(ticked):
    async def observe(_pool):
        return Observation((), (), frozenset())

    reports, _ = ticked(observe, lambda pool: PoolSettings(name=pool, max_hosts=0), pools=["main"])
    assert reports["main"] == "main: 0 decisions; it waits: 0 of at most 0 hosts are there"


@pytest.mark.parametrize("key", ["images-main-1", ""], ids=["there is something to bring", "all is there"])
def test_a_tick_starts_a_distribution_when_there_is_something_to_bring(monkeypatch, key):
    started = []

    async def why(_pool):
        return key

    async def trigger(deployment, parameters, key):
        started.append((deployment, parameters, key))

    monkeypatch.setattr(module, "why_distribute", why)
    monkeypatch.setattr(module, "trigger", trigger)
    asyncio.run(module.bring_images("main"))
    assert started == ([("distribute-images/on-demand", {"pool": "main"}, key)] if key else [])
