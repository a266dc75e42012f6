"""The order of the queue."""

import pytest

from pool.housekeeping import Observation
from pool.queue import in_line
from pool.states import InstanceState
from tests.rigs.pool_data import an_instance, later

pytestmark = pytest.mark.unit


def waiting(instance_id: str, since: float = 0, **values):
    usual = {"state": InstanceState.QUEUED, "host": None, "port": None, "expires_at": None, "created_at": later(since)}
    return an_instance(instance_id, **usual | values)


def test_who_asked_first_is_first_and_ids_decide_between_two_of_one_moment():
    asked = [waiting("c", 5), waiting("b", 1), waiting("a", 5), an_instance("runs")]
    assert [one.id for one in in_line(asked)] == ["b", "a", "c"]


def test_one_that_lost_its_host_keeps_its_place():
    again = waiting("again", 0, state_since=later(90), last_host="main-01")
    assert [one.id for one in in_line([waiting("late", 30), again])] == ["again", "late"]


def test_an_observation_knows_the_queue():
    assert [one.id for one in Observation((), (an_instance(), waiting("b")), None).queue] == ["b"]
