"""Housekeeping gets a place in the warm worker however many requests wait in the others."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from pool.reports.run_tags import BACKGROUND
from runtime.worker.places import BESIDE, FOR_BACKGROUND, FOR_SCHEDULES, Places

pytestmark = pytest.mark.unit

MOST = 4


class Worker:
    """The runs of a worker whose limit is Prefect's own: what it begins is under way until it is released."""

    def __init__(self):
        self.taken: set[UUID] = set()
        own: Any = self
        self.places = Places(own, MOST)

    @property
    def limiter(self):
        return SimpleNamespace(available_tokens=MOST + BESIDE - len(self.taken))

    def begin(self, *due) -> list[str]:
        """Names of the runs that begin."""
        begun = self.places.of(due)
        self.taken |= {response.flow_run.id for response in begun}
        return [response.flow_run.name for response in begun]


def asked(number: int, auto: bool = False):
    name = f"{'tick' if auto else 'provision'} {number}"
    return SimpleNamespace(flow_run=SimpleNamespace(id=uuid4(), auto_scheduled=auto, name=name, tags=[]))


def standby(number: int):
    name = f"standby {number}"
    run = SimpleNamespace(id=uuid4(), auto_scheduled=False, name=name, tags=["pool:main", BACKGROUND])
    return SimpleNamespace(flow_run=run)


def test_a_tick_begins_while_requests_fill_every_other_place():
    worker = Worker()
    assert len(worker.begin(*map(asked, range(40)))) == MOST
    assert worker.begin(asked(1, auto=True)) == ["tick 1"]


def test_a_tick_begins_before_requests_that_were_due_sooner():
    assert Worker().begin(asked(1), asked(2), asked(3, auto=True)) == ["tick 3", "provision 1", "provision 2"]


def test_ticks_take_no_place_from_requests_and_requests_none_of_theirs():
    worker = Worker()
    worker.begin(asked(1, auto=True), asked(2, auto=True))
    assert len(worker.begin(*map(asked, range(40)))) == MOST
    assert worker.begin(*map(asked, range(40))) == []


def test_standbys_take_no_place_from_requests_however_many_are_asked_for():
    worker = Worker()
    assert len(worker.begin(*map(standby, range(40)))) == FOR_BACKGROUND
    assert worker.begin(*map(standby, range(40)), *map(asked, range(40))) == [f"provision {n}" for n in range(MOST)]
    assert worker.begin(asked(1, auto=True)) == ["tick 1"]


def test_requests_that_fill_their_places_keep_no_standby_from_its_own_and_begin_before_it():
    worker = Worker()
    assert worker.begin(standby(1), *map(asked, range(MOST + 1)))[-1] == "standby 1"
    assert worker.begin(standby(2), asked(9)) == ["standby 2"]


def test_the_place_of_a_standby_that_is_given_back_is_offered_to_the_next_one():
    worker = Worker()
    runs = [standby(number) for number in range(FOR_BACKGROUND)]
    worker.begin(*runs)
    worker.taken.discard(runs[0].flow_run.id)
    assert worker.places.may_have_been_full()
    assert worker.begin(standby(99)) == ["standby 99"]


@pytest.mark.parametrize("auto", [False, True], ids=["of a request", "of a tick"])
def test_a_place_that_is_given_back_is_offered_to_those_that_wait(auto):
    worker = Worker()
    runs = [asked(number) for number in range(MOST)] + [asked(number, auto=True) for number in range(FOR_SCHEDULES)]
    worker.begin(*map(standby, range(FOR_BACKGROUND)))
    worker.begin(*runs)
    worker.taken.discard(runs[-1 if auto else 0].flow_run.id)
    assert worker.places.may_have_been_full()
    assert worker.begin(asked(9, auto=auto))


def test_a_run_that_is_under_way_is_not_begun_again():
    worker, run = Worker(), asked(1)
    worker.begin(run)
    assert worker.begin(run) == []
