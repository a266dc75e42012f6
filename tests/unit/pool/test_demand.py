"""What a pool does with a demand over time: lives of a pool that the rules alone drive."""

import pytest

from pool.states import InstanceState
from tests.rigs.ruled_pool import RuledPool

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("users", [25, 60, 78])
def test_users_who_come_at_once_to_an_empty_pool_get_as_many_places_as_the_hosts_allowed_can_hold(users):
    pool = RuledPool()
    pool.ask(users)
    pool.run(300)
    assert len(pool.having(InstanceState.RUNNING)) == users
    assert pool.living <= 4


def test_sizes_are_chosen_for_the_whole_demand():
    pool = RuledPool(free_slot_target=0)
    pool.ask(78)
    assert pool.run(300).sizes() == [24, 24, 24, 6]
