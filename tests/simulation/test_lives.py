"""Random lives of a whole installation, in virtual time: whatever happens, what must always hold, holds at the end.

`make simulate` lives more of them; docs/simulator.md says how to read one that broke.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.rigs.beside import LIVES
from tests.rigs.simulator.__main__ import live_all
from tests.rigs.simulator.lives import HAPPENINGS, PAUSES, Lives, settle, step
from tests.simulation.regressions import BROKEN_ONCE

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

BY_HYPOTHESIS = 12
MANY_LIVES = 200


class Life(RuleBasedStateMachine):
    """One world; Hypothesis chooses what happens to it, and makes what broke it as short as it can."""

    def __init__(self, ours: Lives) -> None:
        super().__init__()
        self.ours = ours

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed):
        self.context = self.ours.world(seed)
        self.world = self.context.__enter__()

    def teardown(self) -> None:
        try:
            settle(self.world)
            broken = dict(self.world.broken.sentences)
        finally:
            self.context.__exit__(None, None, None)
        assert not broken, "; ".join(f"{sentence}\n{traceback}" for sentence, traceback in broken.items())


def happening(name: str, choices: Mapping[str, Sequence]):
    def happens(self, pause, **values):
        step(self.world, name, values, pause)

    happens.__name__ = name
    drawn: dict[str, Any] = {key: st.sampled_from(list(values)) for key, values in choices.items()}
    return rule(pause=st.sampled_from(PAUSES), **drawn)(happens)


for name, choices in dict(HAPPENINGS).items():
    setattr(Life, name, happening(name, choices))


def test_whatever_hypothesis_does_to_a_pool_it_recovers(ours):
    unhurried = settings(
        max_examples=BY_HYPOTHESIS,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,  # the same lives each time: new ones are what `make simulate` is for
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # to shrink one of these takes minutes: add Phase.shrink when one broke
        print_blob=True,
    )
    life: Any = partial(Life, ours)
    run_state_machine_as_test(life, settings=unhurried)


def test_random_lives_recover(random_lives):
    assert f"{LIVES} lives, 0 broken" in random_lives.wait()


@pytest.mark.nightly  # minutes on both cores
def test_many_more_random_lives_recover():
    assert live_all(range(LIVES + 1, MANY_LIVES + 1)) == []


@pytest.mark.parametrize(("seed", "happenings"), BROKEN_ONCE.values(), ids=BROKEN_ONCE.keys())
def test_a_life_that_broke_once_recovers(ours, seed, happenings):
    with ours.world(seed) as world:
        for what in happenings:
            step(world, *what)
        settle(world)
        assert world.broken.sentences == {}
