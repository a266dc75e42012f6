"""A tick: no host, no act and no pool takes anything from the others, and what is left undone is said."""

import asyncio

import pytest

from blocks.outside import standing_in
from flows.housekeeping import housekeep as module
from flows.steps.acting import act
from flows.steps.pace import Pace
from pool.decisions import Decision, DecisionKind, RecordedDecision, without_repeats
from pool.errors import CloudTrouble, DatabaseAway, DockerDriverError
from pool.housekeeping.found import Probe
from pool.housekeeping.observation import Observation
from pool.records import FlavorSize
from pool.settings import PoolSettings
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import NOW, a_host

pytestmark = pytest.mark.unit

NEVER = 3600


@pytest.fixture(autouse=True)
def tasks():
    with standing_in(fake_outside(prefect=ScriptedTasks(record_tick=1, why_distribute=""), store=Leases())) as door:
        yield door.prefect


class Leases:
    """A store in which every lease is free, and no host is needed to be read."""

    writes = 0

    def __init__(self):
        self.leases = self

    def take(self, *_: object) -> None:
        return None

    def drop(self, *_: object) -> None:
        return None


def outcomes(*acts, seconds=NEVER, where=str, **limits):
    """How each act ended; they are begun at once, each on a host of its own unless *where* says otherwise."""

    async def do_all():
        pace = Pace(seconds, **limits)
        ended = await asyncio.gather(*(pace.do(where(number), act) for number, act in enumerate(acts)))
        return [outcome.words for outcome in ended]

    return asyncio.run(do_all())


async def works(*_):
    await asyncio.sleep(0)


async def hangs(*_):
    await asyncio.sleep(NEVER)


async def fails(*_):
    raise CloudTrouble("no answer")


async def has_a_bug(*_):
    raise KeyError("surprise")


def test_every_act_ends_in_its_own_words():
    assert outcomes(works, fails, has_a_bug) == ["done", "no answer", "KeyError: 'surprise'"]


def test_an_act_that_hangs_is_left_and_the_others_are_done():
    assert outcomes(hangs, works, hangs, works, act_seconds=0.05) == ["not done in its time", "done"] * 2


def test_a_host_on_which_everything_hangs_leaves_places_for_the_others():
    dead_or_alive = lambda number: "dead" if number < 9 else "alive"  # noqa: E731 - where each act goes
    done = outcomes(*[hangs] * 9, works, seconds=0.5, where=dead_or_alive, at_once=5, on_one_host=4)
    assert done[9] == "done"


def test_what_could_not_be_begun_before_the_ticks_end_is_said():
    said = outcomes(hangs, works, seconds=0.05, where=lambda _: "main-01", on_one_host=1)
    assert said == ["not done in its time", "not begun: the tick's 0 s were over"]


def tick(tasks, observe, settings=lambda pool: PoolSettings(name=pool, free_slot_target=0), pools=("gpu", "main")):
    """Tend these pools; what each of them reports."""
    tasks.answer("observe", observe)
    tasks.answer("read_settings", settings)

    async def all_pools():
        return await asyncio.gather(*(module.tend_safely(pool) for pool in pools))

    return dict(zip(pools, asyncio.run(all_pools()), strict=True))


def of_two_pools(trouble=None):
    """A look at two pools: of gpu it ends badly; in main the server of a failed host is to be removed."""

    def observe(pool):
        if pool == "gpu" and trouble:
            raise trouble
        host = a_host(state="failed")
        return Observation((host,), (), frozenset({host.name}))

    return observe


def moved(tasks) -> list[str]:
    return [args[0] for name, args, _ in tasks.calls if name == "move_host"]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(CloudTrouble("no answer"), "gpu: no answer"), (KeyError("surprise"), "gpu: KeyError: 'surprise'")],
)
def test_trouble_in_one_pool_is_said_and_never_touches_another(tasks, trouble, said):
    tasks.answer("move_host", a_host(state="removing"))
    tasks.answer("prove_gone", False)
    reports = tick(tasks, of_two_pools(trouble))
    assert reports == {"gpu": said, "main": "main: 1 decision"}
    assert moved(tasks) == ["main-01"]


def test_a_tick_without_its_database_says_so_and_ends(tasks, monkeypatch):
    def away(*_: object) -> None:
        raise DatabaseAway("the pool's database did not answer in 60 s")

    monkeypatch.setattr(Leases, "take", away)
    tasks.answer("list_pools", ["main"])
    ended = asyncio.run(module.housekeep.fn())
    assert ended.message == "main: the pool's database did not answer in 60 s"


def test_a_look_that_takes_too_long_is_given_up_and_nothing_is_decided(tasks):
    tasks.call = lambda *_: hangs()
    with pytest.raises(DockerDriverError, match=r"it could not be looked at within 0.1 s; nothing is decided"):
        asyncio.run(module.observe_in_time("gpu", seconds=0.1))


def test_settings_of_one_pool_that_make_no_sense_stop_that_pool_alone(tasks):
    def settings(pool):
        return PoolSettings(name=pool, slots_large=0 if pool == "gpu" else 24, free_slot_target=0)

    tasks.answer("move_host", a_host(state="removing"))
    reports = tick(tasks, of_two_pools(), settings)
    assert reports["gpu"] == "gpu: pool gpu: a host must have at least 1 slot, small or large"
    assert moved(tasks)[0] == "main-01"


def test_of_a_reason_to_wait_that_is_said_at_every_tick_the_latest_is_shown():
    full, spawn = (
        Decision(DecisionKind.WAIT, "main", "full"),
        Decision(DecisionKind.SPAWN, "main", "0 free", FlavorSize.SMALL),
    )
    ticks = [RecordedDecision(what, tick, "main", NOW) for tick, what in ((9, full), (8, full), (7, spawn), (6, spawn))]
    assert [recorded.tick for recorded in without_repeats(ticks)] == [9, 7, 6]


def test_a_pool_that_may_not_spawn_says_what_it_waits_for(tasks):
    none = Observation((), (), frozenset())
    reports = tick(tasks, lambda _pool: none, lambda pool: PoolSettings(name=pool, max_hosts=0), pools=["main"])
    assert reports["main"] == "main: 0 decisions; it waits: 0 of at most 0 hosts are there"


def test_an_idle_tick_makes_no_task_run(tasks):
    tasks.answer("list_pools", ["main"])
    tasks.answer("read_settings", PoolSettings(free_slot_target=0))
    tasks.answer("observe", Observation((), (), frozenset()))
    ended = asyncio.run(module.housekeep.fn())
    assert ended.message == "main: 0 decisions"
    assert "record_tick" in tasks.names
    assert tasks.task_runs == []


@pytest.mark.parametrize(
    ("look", "repair"),
    [
        ("routes_differ", "repair_routes"),
        ("keys_differ", "repair_keys"),
        ("authority_ends", "follow_authority"),
        ("gateway_certificate_waits", "keep_gateway_certificate"),
        ("notices_are_lost", "repair_notices"),
        ("runs_are_lost", "rerun_lost_runs"),
        ("changes_are_left", "publish_missed"),
    ],
)
def test_what_a_look_finds_wrong_is_repaired_by_a_task(tasks, look, repair):
    tasks.answer("list_pools", [])
    tasks.answer(look, True)
    asyncio.run(module.housekeep.fn())
    assert tasks.task_runs == [repair]


@pytest.mark.parametrize("key", ["images-main-1", ""], ids=["there is something to bring", "all is there"])
def test_a_tick_starts_a_distribution_when_there_is_something_to_bring(tasks, key):
    tasks.answer("why_distribute", key)
    asyncio.run(module.bring_images("main"))
    started = [(args, more) for name, args, more in tasks.calls if name == "trigger"]
    assert started == ([(("distribute-images/on-demand", {"pool": "main"}), {"key": key})] if key else [])


@pytest.mark.parametrize(("reserved", "names"), [(0, ["get_host", "move_host"]), (1, ["get_host"])])
def test_a_host_that_got_a_session_since_it_was_seen_empty_is_not_let_go(tasks, reserved, names):
    tasks.answer("get_host", a_host(reserved=reserved))
    asyncio.run(act(Decision(DecisionKind.LET_GO, "main-01", "it is not used"), 0))
    assert tasks.names == names


def test_a_pool_whose_hosts_are_all_out_of_reach_says_so_in_the_ticks_last_message(tasks):
    hosts = tuple(a_host(name) for name in ("main-01", "main-02"))
    mute = {host.name: Probe(answers=False) for host in hosts}
    seen = Observation(hosts, (), frozenset(mute), probes=mute)
    reports = tick(tasks, lambda _pool: seen, pools=["main"])
    assert reports["main"].startswith("main: 0 decisions; 2 of 2 hosts are out of reach at once")
