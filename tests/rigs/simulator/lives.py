"""Random lives of a pool: what happens, when, and whether everything holds at the end."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

from pool.housekeeping.found import ContainerOutcome
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.invariants import check_always, unsettled
from tests.rigs.simulator.stores import WatchedStore, opened_store

#: How long it is until the next thing happens, in seconds.
PAUSES = (0, 0, 0.5, 2, 5, 15, 40, 40, 120, 300, 900, 4000)
SETTLING = (60,) * 6 + (300,) * 8 + (1200,) * 6

ENDINGS = (ContainerOutcome.SHUT_DOWN, ContainerOutcome.FAILED, ContainerOutcome.OUT_OF_MEMORY)

#: What may happen: a method of the world, and values for its arguments. What stands twice is twice as likely.
HAPPENINGS: tuple[tuple[str, Mapping[str, Sequence]], ...] = (
    *[("arrive", {"blueprint": ("small", "small", "large", "kept", "kept"), "twice": (False, False, True)})] * 8,
    *[("ask_again", {"which": range(20)})] * 2,
    *[("cancel_a_request", {"which": range(5)})] * 3,
    *[("leave", {"which": range(20)})] * 4,
    ("use", {"which": range(20)}),
    ("hold_class", {
        "minutes": (0, 5, 20, 40), "slots": (1, 2, 4, 6), "members": (0, 2, 3), "start_before": (0, 5, 15),
        "blueprint": ("small", "small", "large"),
    }),
    *[("attend", {"which": range(6), "twice": (False, False, True)})] * 2,
    ("leave_class", {"which": range(6)}),
    ("call_off_class", {}),
    *[("write", {"which": range(20)})] * 3,
    *[("move", {"which": range(20), "to": (None, None, 0, 1, 2), "twice": (False, False, True)})] * 4,
    ("shut_down", {"on": (True, False, False)}),
    ("want_free_slots", {"slots": range(6)}),
    ("allow_hosts", {"hosts": (1, 2, 3, 4)}),
    *[("stand_by", {"standbys": (0, 1, 2, 3), "frozen": (False, True)})] * 3,
    ("give_more_memory", {"megabytes": (512, 640)}),
    ("cancel_a_run", {"which": range(5)}),
    ("delete_a_server_by_hand", {"which": range(4)}),
    ("cloud_refuses", {"seconds": (40, 300)}),
    ("cloud_is_away", {"seconds": (20, 200)}),
    ("cloud_ignores_deletes", {"seconds": (40, 400)}),
    ("cloud_loses_answers", {"answers": (1, 2)}),
    ("cloud_makes_faulty_servers", {"servers": (1, 3)}),
    ("cloud_makes_mute_servers", {"servers": (1, 2)}),
    ("cloud_hides_a_server", {"which": range(4), "seconds": (10, 100, 400)}),
    ("host_is_down", {"which": range(4), "seconds": (20, 200, 100_000)}),
    ("host_reboots", {"which": range(4), "containers_return": (True, False)}),
    ("container_ends", {"which": range(4), "outcome": ENDINGS}),
    ("remove_a_container_by_hand", {"which": range(4)}),
    ("engine_is_down", {"which": range(4), "seconds": (10, 90, 600)}),
    ("engine_is_slow", {"which": range(4), "seconds": (30, 300)}),
    ("engines_lose_some_answers", {"answers": (1, 2)}),
    ("playbooks_fail", {"runs": (1, 2)}),
    ("containers_exit_at_once", {"containers": (1, 2)}),
    ("containers_never_answer", {"containers": (1,)}),
    ("gateway_is_away", {"seconds": (10, 100)}),
    ("gateway_starts_empty", {}),
    ("prefect_is_away", {"seconds": (5, 60)}),
    ("repository_is_away", {"seconds": (10, 100, 900)}),
    ("second_housekeeper", {}),
    ("second_housekeeper", {}),
    *[("kill_the_warm_worker", {"after_steps": (0, *range(1, 60)), "seconds": (5, 60)})] * 3,
    *[("kill_a_run", {"which": range(5), "after_steps": (1, 2, 3, 5, 8, 13, 21)})] * 3,
    ("freeze_the_warm_worker", {"seconds": (20, 100, 400)}),
    ("clocks_differ", {"seconds": (-60, -5, 0, 5, 60)}),
    ("set_the_clock", {"seconds": (-300, -20, 20, 3000)}),
)  # fmt: skip


#: In so many of a hundred lives there are two hosts and a session that keeps its work, and it is moved often.
LIVES_OF_MOVES = 25
MOVES: tuple[tuple[str, Mapping[str, Sequence]], ...] = (
    ("write", {"which": range(20)}),
    ("move", {"which": range(20), "to": (None, None, None, 0, 1), "twice": (False, False, True)}),
)


#: In so many others a course has a class soon, and its users come as often as all others.
LIVES_OF_COURSES = 25
CLASSES: tuple[tuple[str, Mapping[str, Sequence]], ...] = (
    ("attend", {"which": range(6), "twice": (False, False, True)}),
    ("arrive", {"blueprint": ("small", "small", "large"), "twice": (False, False, True)}),
)


class Lives:
    """Worlds, one after the other, on one store."""

    def __init__(self, store: WatchedStore) -> None:
        self._store = store

    @contextmanager
    def world(self, seed: int) -> Iterator[EventfulWorld]:
        """An empty world; closed, whatever happened in it, before the next one begins."""
        self._store.empty()
        world = EventfulWorld(self._store, seed)
        self._store.watched_by(world)
        try:
            yield world
        finally:
            world.close()

    def live(self, seed: int, say: Callable[[str], None] = lambda _: None) -> dict[str, str]:
        """One random life; what did not hold in it, as sentences, each with its traceback if there is one."""
        with self.world(seed) as world:
            for happening in random_life(Random(seed)):
                step(world, *happening, say=say)
            settle(world, say)
            return world.broken.sentences


@contextmanager
def lives() -> Iterator[Lives]:
    """Worlds in which the product's code runs."""
    with opened_store() as store:
        gc.freeze()  # a million objects of Prefect's that are never garbage
        yield Lives(store)


def live_batch(seeds: range) -> list[int]:
    """The broken ones of a few, each printed as soon as it is known."""
    with lives() as ours:
        found = {seed: broken for seed in seeds if (broken := ours.live(seed))}
    for seed, broken in found.items():
        print(f"seed {seed}: {'; '.join(broken)}", flush=True)
    return list(found)


def random_life(random: Random) -> Iterator[tuple[str, dict, float]]:
    """What happens, with what, and how long nothing else does."""
    often, kind = HAPPENINGS, random.randrange(100)
    if kind < LIVES_OF_MOVES:
        often += MOVES * 12
        yield "want_free_slots", {"slots": 8}, 900
        yield "arrive", {"blueprint": "kept"}, 300
    elif kind < LIVES_OF_MOVES + LIVES_OF_COURSES:
        often += CLASSES * 8
        yield "hold_class", a_class(random), 0
    yield "arrive", {}, random.choice((0, 300, 600))
    for _ in range(random.randint(3, 24)):
        name, choices = random.choice(often)
        yield name, {key: random.choice(values) for key, values in choices.items()}, random.choice(PAUSES)


def a_class(random: Random) -> dict:
    """When the class of a course is, and for whom."""
    choices = dict(HAPPENINGS)["hold_class"]
    return {key: random.choice(values) for key, values in choices.items()} | {"minutes": random.choice((20, 40, 60))}


def step(
    world: EventfulWorld, name: str, values: dict, pause: float, say: Callable[[str], None] = lambda _: None
) -> None:
    """Have one thing happen, and time pass after it."""
    say(f"({name!r}, {values}, {pause}),  # at {world.time:.1f} s")
    getattr(world, name)(**values)
    world.advance(pause)
    check_always(world)


def settle(world: EventfulWorld, say: Callable[[str], None] = lambda _: None) -> None:
    """End all trouble, and give the pool its time. What is still not in order then will never be."""
    world.calm_down()
    for pause in SETTLING:
        world.advance(pause)
        check_always(world)
        left = unsettled(world)
        say(f"# at {world.time:.1f} s: {'; '.join(left) or 'settled'}")
        if not left:
            return
    for sentence in left:
        world.broken.add(sentence)
