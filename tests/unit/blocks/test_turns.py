from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import pytest

from blocks.turns import Turns

pytestmark = pytest.mark.unit


def test_two_threads_that_want_the_same_turn_have_it_one_after_the_other():
    turns, inside, most, together = Turns(), [], [], Barrier(4)

    def work() -> None:
        together.wait(5)
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
    with turns.take("room of main"), turns.take("room of gpu"):
        pass


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
