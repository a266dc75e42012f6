"""What is judged about kept work and standbys: each kind of wrong is seen, and what is right is not."""

import pytest

from pool.backups.states import BackupCause, BackupState
from pool.records import Placement
from pool.standbys.standby import Standby, StandbyState
from pool.states import InstanceState
from tests.reliability.judging import wrong_room
from tests.reliability.scenes.rules import backups_lost, given_twice, standbys_missing, wrong_beside, wrong_files
from tests.rigs.pool_data import NOW, a_backup, a_host, an_instance

pytestmark = pytest.mark.unit

KEPT = {"./whose": "a", "./deep/data": "b"}
BESIDE = {"./restored-x/whose": "a", "./restored-x/deep/data": "b"}
AT_ITS_END = BackupCause.SESSION_ENDS


def a_standby(name: str = "standby.k3", state: StandbyState = StandbyState.READY) -> Standby:
    """One that is ready on main-01."""
    place = Placement("main-01", 20000)
    return Standby(name, "main", "jupyter", state, 1, "route", "token", "spec", "image", NOW, NOW, place)


def test_a_session_without_a_backup_that_counts_has_lost_its_work():
    written = a_backup(cause=AT_ITS_END, state=BackupState.WRITTEN)
    assert "alice-1.1 is written" in backups_lost("alice-1", [written], AT_ITS_END)[0]
    assert backups_lost("alice-1", [], AT_ITS_END) == ["no backup of alice-1 counts (session-ends): none was begun"]


def test_a_backup_that_counts_is_enough_if_it_is_for_the_same_cause():
    counts = a_backup(cause=AT_ITS_END, state=BackupState.VERIFIED)
    assert backups_lost("alice-1", [counts], AT_ITS_END) == []
    assert backups_lost("alice-1", [counts], BackupCause.REQUESTED)
    assert backups_lost("bob-1", [counts], AT_ITS_END)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (KEPT, []),
        ({"./whose": "a"}, ["alice-2 lacks ./deep/data"]),
        (KEPT | {"./deep/data": "half"}, ["alice-2 has a part of, or another ./deep/data"]),
        (KEPT | {"./twice": "a"}, ["alice-2 has, though it was not kept, ./twice"]),
        ({}, ["alice-2 lacks ./deep/data, ./whose"]),
    ],
)
def test_what_a_session_begins_with_is_all_of_what_was_kept_and_nothing_else(found, said):
    assert wrong_files("alice-2", KEPT, found) == said


def test_files_that_came_back_beside_the_living_ones_are_there_once_and_whole():
    assert wrong_beside("alice-1", KEPT, KEPT | BESIDE) == []
    assert wrong_beside("alice-1", KEPT, KEPT) == ["alice-1 has 0 restored folders: none"]


def test_files_that_came_back_twice_or_by_half_are_wrong():
    half = {"./restored-y/whose": "a"}
    assert wrong_beside("alice-1", KEPT, KEPT | BESIDE | half) == [
        "alice-1 has 2 restored folders: restored-x, restored-y",
        "alice-1/restored-y lacks ./deep/data",
    ]


def test_a_living_file_that_a_restore_touched_is_wrong():
    touched = KEPT | {"./whose": "old"} | BESIDE
    assert wrong_beside("alice-1", KEPT, touched) == ["alice-1 has a part of, or another ./whose"]


def test_a_standby_that_two_sessions_have_was_given_twice():
    first, second = (
        an_instance(f"alice-{n}", standby="standby.k3", placement=Placement("main-01", 20000 + n)) for n in (1, 2)
    )
    assert given_twice([first, second], []) == ["standby.k3 was given to 2 sessions"]
    assert (
        given_twice([first, an_instance("alice-2", None, standby="standby.k3", state=InstanceState.DELETED)], []) == []
    )


def test_a_standby_that_still_stands_by_and_one_port_for_two_are_wrong():
    session, standby = an_instance(standby="standby.k3"), a_standby("standby.k3")
    assert given_twice([session], [standby]) == [
        "standby.k3 stands by, and a session has it",
        "port 20000 of main-01 was given 2 times",
    ]


def test_standbys_are_as_many_as_are_wanted_and_all_of_them_ready():
    two = [a_standby("standby.a"), a_standby("standby.b")]
    assert standbys_missing("jupyter", 2, two) == []
    assert standbys_missing("jupyter", 3, two)[0].startswith("2 of 3 standbys of jupyter are ready")
    assert standbys_missing("jupyter", 1, two)
    assert standbys_missing("jupyter", 2, [two[0], a_standby("standby.b", state=StandbyState.STARTING)])


def test_room_is_right_when_sessions_and_standbys_hold_what_is_on_record():
    session, standby = an_instance(), a_standby()
    assert wrong_room([a_host(reserved=1, standby=1)], [session], [standby]) == []
    assert wrong_room([a_host(reserved=1)], [session], [standby])
    assert wrong_room([a_host(reserved=2, standby=1)], [session], [standby])
