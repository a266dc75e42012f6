import asyncio
from asyncio import Event
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep
from typing import Any

import pytest

from blocks.turns import Turns

pytestmark = pytest.mark.unit


def test_two_threads_that_want_the_same_turn_have_it_one_after_the_other():
    turns, inside, most, together = Turns(), [], [], Barrier(4)

    def work() -> None:
        together.wait(30)
        with turns.take("room of main"):
            inside.append(1)
            most.append(len(inside))
            sleep(0.01)
            inside.pop()

    with ThreadPoolExecutor(4) as threads:
        [done.result() for done in [threads.submit(work) for _ in range(4)]]
    assert most == [1, 1, 1, 1]


def test_turns_of_two_names_do_not_wait_for_each_other():
    turns = Turns()
    taken = []
    with turns.take("room of main"), turns.take("room of gpu"):
        taken.append("both")
    assert taken == ["both"]


def test_what_is_looked_at_later_is_so_until_the_last_one_that_said_so_is_about_to_look():
    turns = Turns()
    with turns.looking_later("alice-1"):
        with turns.looking_later("alice-1"):
            assert turns.is_looked_at_later("alice-1")
        assert turns.is_looked_at_later("alice-1")
        assert not turns.is_looked_at_later("bob-1")
    assert not turns.is_looked_at_later("alice-1")


def test_one_that_fails_before_it_looks_is_not_waited_for():
    turns = Turns()
    with pytest.raises(ValueError, match="no"), turns.looking_later("alice-1"):
        raise ValueError("no")
    assert not turns.is_looked_at_later("alice-1")


def test_a_look_that_was_promised_counts_until_its_time_is_over():
    turns = Turns()
    turns.promise_look("alice-1", uptime=100, seconds=30)
    assert turns.is_looked_at_later("alice-1", uptime=129)
    assert not turns.is_looked_at_later("alice-1", uptime=131)


def test_a_look_that_was_promised_is_over_when_its_caller_has_looked():
    turns = Turns()
    turns.promise_look("alice-1", uptime=100, seconds=30)
    with turns.looking_later("alice-1"):
        assert turns.is_looked_at_later("alice-1", uptime=101)
    assert not turns.is_looked_at_later("alice-1", uptime=101)


def test_promises_whose_time_is_over_are_forgotten_with_the_next_one():
    turns = Turns()
    turns.promise_look("alice-1", uptime=100, seconds=30)
    turns.promise_look("bob-1", uptime=200, seconds=30)
    assert not turns.is_looked_at_later("alice-1", uptime=0)


def test_what_is_left_to_a_promised_look_is_known_where_that_is_broken_and_forgotten_where_it_is_kept():
    turns = Turns()
    for name in ("alice-1", "bob-1", "carol-1"):
        turns.promise_look(name, uptime=100, seconds=30)
    turns.rely_on("alice-1")
    turns.rely_on("bob-1")
    with turns.looking_later("bob-1"):
        pass
    assert [turns.break_promise(name) for name in ("alice-1", "alice-1", "bob-1", "carol-1")] == [
        True,
        False,
        False,
        False,
    ]
    assert not turns.is_promised("alice-1", uptime=101)


async def come(turns: Turns, who: str, seen: list[str], stay: Event, most: int, patience: float = 60) -> None:
    """Capital letters are of those that let others pass."""
    async with turns.one_of("starts on main-01", most, patience, last=who.isupper()):
        seen.append(who)
        await stay.wait()


async def settled() -> None:
    """Let every task go on until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def in_line(names: str, most: int) -> tuple[Turns, list[str], Event, list[asyncio.Task]]:
    """Have these come, each by one letter, one after the other."""
    turns, seen, stay = Turns(), list[Any](), Event()
    tasks = [asyncio.create_task(come(turns, who, seen, stay, most)) for who in names]
    await settled()
    return turns, seen, stay, tasks


@pytest.mark.asyncio
@pytest.mark.parametrize(("most", "inside"), [(1, "a"), (2, "ab"), (0, "abcd")])
async def test_so_many_are_at_it_at_once_and_the_others_follow_in_the_order_in_which_they_came(most, inside):
    _, seen, stay, tasks = await in_line("abcd", most)
    assert "".join(seen) == inside
    stay.set()
    await asyncio.gather(*tasks)
    assert "".join(seen) == "abcd"


@pytest.mark.asyncio
async def test_those_that_let_others_pass_have_their_turn_when_no_other_waits():
    turns, seen, stay, tasks = await in_line("ABaCb", 1)
    stay.set()
    await asyncio.gather(*tasks)
    assert "".join(seen) == "AabBC"
    assert not turns._lines


@pytest.mark.asyncio
async def test_one_that_is_cancelled_in_the_line_keeps_no_other_from_its_turn():
    _, seen, stay, tasks = await in_line("abc", 1)
    tasks[1].cancel()
    await settled()
    stay.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert "".join(seen) == "ac"


@pytest.mark.asyncio
async def test_one_that_is_cancelled_at_its_turn_gives_it_back():
    turns, seen, _, tasks = await in_line("ab", 1)
    tasks[0].cancel()
    await settled()
    assert "".join(seen) == "ab"
    tasks[1].cancel()
    await settled()
    assert not turns._lines


@pytest.mark.asyncio
async def test_one_that_is_cancelled_between_its_turn_and_its_first_step_gives_it_back():
    turns, _, stay, tasks = await in_line("ab", 1)
    stay.set()
    while turns._lines["starts on main-01"].waiting:
        await asyncio.sleep(0)
    tasks[1].cancel()
    await settled()
    assert not turns._lines


@pytest.mark.asyncio
async def test_one_that_has_waited_long_enough_goes_on_though_those_before_it_are_stuck():
    turns, seen, stay, tasks = await in_line("a", 1)
    late = asyncio.create_task(come(turns, "b", seen, stay, 1, 0.01))
    while seen != ["a", "b"]:
        await asyncio.sleep(0.01)
    stay.set()
    await asyncio.gather(*tasks, late)
    assert not turns._lines


def test_event_loops_of_several_threads_share_a_line():
    turns, inside, most, together = Turns(), [], [], Barrier(4)

    async def work() -> None:
        async with turns.one_of("starts on main-01", 2, 60):
            inside.append(1)
            most.append(len(inside))
            await asyncio.sleep(0.01)
            inside.pop()

    def loop() -> None:
        together.wait(30)
        asyncio.run(work())

    with ThreadPoolExecutor(4) as threads:
        [done.result() for done in [threads.submit(loop) for _ in range(4)]]
    assert max(most) == 2


def test_work_is_waited_for_until_it_ends_by_several_threads_and_no_longer_than_their_patience():
    async def waits(turns: Turns, patience: float) -> None:
        await turns.end_of_work("beginning of s-1", patience)

    turns = Turns()
    asyncio.run(waits(turns, 60))  # no thread works on it
    end = turns.begin_work("beginning of s-1")
    asyncio.run(waits(turns, 0.01))
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(asyncio.run, waits(turns, 60)) for _ in range(2)]
        sleep(0.02)
        assert [one.done() for one in waiting] == [False, False]
        end()
        assert [one.result(30) for one in waiting] == [None, None]


def test_one_that_is_cancelled_while_it_waits_for_work_cancels_no_work():
    async def cancelled(turns: Turns) -> None:
        waiting = asyncio.create_task(turns.end_of_work("beginning of s-1", 60))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    turns = Turns()
    end = turns.begin_work("beginning of s-1")
    asyncio.run(cancelled(turns))
    end()


def test_the_shortest_of_the_last_few_times_counts():
    turns = Turns()
    assert turns.shortest_time("answer of jupyter") == 0
    for seconds in (0.5, 9, 7, 8, 0.9, 0.8):
        turns.note_time("answer of jupyter", seconds)
    assert (turns.shortest_time("answer of jupyter"), turns.shortest_time("answer of rstudio")) == (0.8, 0)
