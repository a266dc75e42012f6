"""The replay of what-if is the product without its flows: both live one demand alike."""

from dataclasses import replace
from functools import cache

import pytest

from tests.simulation.replayed import lived

pytestmark = pytest.mark.simulation

SEEDS = (1, 2, 3, 4)  # every second life has a course; `make simulate REPLAYS=200` lives more


@pytest.fixture(scope="module")
def life_of(ours):
    """Gives the life of a seed, which takes some seconds."""
    return cache(lambda seed: lived(ours, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_waits_spawns_and_costs_as_the_whole_product_did(life_of, seed):
    life = life_of(seed).replayed()
    assert life.differs == "", life.words


def test_a_replay_by_other_rules_than_the_pools_is_seen(life_of):
    life = life_of(1)
    slow = replace(life, past=replace(life.past, boots=[boot + 90 for boot in life.past.boots]))
    more = replace(life, settings=replace(life.settings, free_slot_target=5))
    fewer = replace(life, settings=replace(life.settings, max_hosts=2))
    small = replace(life, settings=replace(life.settings, slots_large=3))
    assert all(wrong.replayed().differs for wrong in (slow, more, fewer, small))
