"""The replay of what-if is the product without its flows: both live one demand alike."""

import pytest

from tests.simulation.replayed import lived_and_replayed

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("seed", [1, 2], ids=["without a course", "with one"])
def test_a_replay_waits_spawns_and_costs_as_the_whole_product_did(ours, seed):
    lived, replayed = lived_and_replayed(ours, seed)
    assert lived.disagrees(replayed) == "", f"{lived}, replayed {replayed}"
