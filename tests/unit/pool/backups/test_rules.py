"""When a session is backed up, how long its end waits, and which backup comes back."""

from dataclasses import replace

import pytest

from pool.backups import choosing, rules
from pool.backups.states import BackupCause, BackupFault, BackupState, check_backup_move
from pool.errors import NotFound, Refused, RefusedMove
from pool.records import KeptWork
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_backup, an_instance, later

pytestmark = pytest.mark.unit

KEEPS = an_instance(keep=KeptWork(("/home",), every=600))
DAY = 86400


def ids(backups) -> list[str]:
    return [one.id for one in backups]


@pytest.mark.parametrize("values", [{"keep": KeptWork()}, {"expires_at": None}, {"placement": None}])
def test_a_session_without_anything_to_keep_that_never_ran_or_is_nowhere_has_no_work(values):
    assert not rules.has_work(replace(KEEPS, **values))


def test_a_session_that_ran_has_work_while_it_is_being_ended():
    assert rules.has_work(replace(KEEPS, state=InstanceState.STOPPING))


def test_an_end_waits_for_its_backup_until_the_second_that_the_pool_sets():
    assert not rules.may_end_without(KEEPS, BackupFault.REPOSITORY, 60, later(59))
    assert rules.may_end_without(KEEPS, BackupFault.REPOSITORY, 60, later(60))


def test_an_end_saves_until_its_own_backup_counts_or_its_time_is_over():
    ends = replace(KEEPS, state=InstanceState.STOPPING)
    scheduled = a_backup(cause=BackupCause.SCHEDULED)
    assert rules.end_saves(ends, [scheduled, a_backup("alice-1.2", state=BackupState.FAILED)], 60, later(59))
    assert not rules.end_saves(ends, [scheduled, a_backup("alice-1.2", begun_at=later(1))], 60, later(59))
    assert not rules.end_saves(ends, [], 60, later(60))


def test_only_a_session_from_another_host_waits_for_a_repository_that_is_away():
    moved = replace(KEEPS, state=InstanceState.STARTING, carried="alice-1.2")
    assert rules.waits_for_work(moved, BackupFault.REPOSITORY, 60, later(59))
    assert not rules.waits_for_work(moved, BackupFault.REPOSITORY, 60, later(60))
    assert not rules.waits_for_work(moved, BackupFault.DIFFERS, 60, NOW)
    assert not rules.waits_for_work(replace(moved, carried=""), BackupFault.REPOSITORY, 60, NOW)


@pytest.mark.parametrize("fault", [BackupFault.TOO_LARGE, BackupFault.CONTAINER_GONE, BackupFault.NOTHING_THERE])
def test_an_end_does_not_wait_for_what_another_try_cannot_mend(fault):
    assert rules.may_end_without(KEEPS, fault, 3600, NOW)


@pytest.mark.parametrize(("attempts", "pause"), [(1, 30), (3, 120), (99, 300)])
def test_an_end_whose_backup_failed_is_gone_on_with_after_a_pause_that_grows_to_five_minutes(attempts, pause):
    failed = a_backup(state=BackupState.FAILED, attempts=attempts, state_since=later(9))
    assert rules.end_pauses(KEEPS, [failed], 3600, later(9 + pause - 1))
    assert not rules.end_pauses(KEEPS, [failed], 3600, later(9 + pause))


def test_no_pause_goes_beyond_the_moment_at_which_the_session_ends_without():
    failed = a_backup(state=BackupState.FAILED, attempts=9)
    assert not rules.end_pauses(KEEPS, [failed], 60, later(60))
    assert not rules.end_pauses(KEEPS, [a_backup()], 60, NOW)


def test_a_running_session_is_due_by_the_time_since_its_last_backup_that_counts():
    made = a_backup(begun_at=later(500))
    assert not rules.is_due(KEEPS, [made], later(1099))
    assert rules.is_due(KEEPS, [made], later(1100))


def test_a_session_without_a_backup_is_due_by_the_time_that_it_runs():
    assert not rules.is_due(KEEPS, [], later(599))
    assert rules.is_due(KEEPS, [], later(600))


def test_a_backup_that_failed_is_tried_again_after_a_pause():
    failed = a_backup(state=BackupState.FAILED, state_since=later(600))
    assert not rules.is_due(KEEPS, [failed], later(899))
    assert rules.is_due(KEEPS, [failed], later(900))


def test_no_second_backup_is_begun_beside_one_that_is_being_written():
    writes = a_backup(state=BackupState.WRITING, state_since=later(600))
    assert not rules.is_due(KEEPS, [writes], later(4199))
    assert rules.is_due(KEEPS, [writes], later(4200))


def test_the_same_scheduled_backup_is_asked_for_under_one_key_until_a_run_that_was_lost_is_given_up():
    first = rules.asking(KEEPS, None, NOW)
    assert rules.asking(KEEPS, None, later(599)) == first
    assert rules.asking(KEEPS, None, later(600)) != first
    assert rules.asking(KEEPS, a_backup(), NOW) != first


@pytest.mark.parametrize("values", [{"state": InstanceState.STOPPING}, {"keep": KeptWork(("/home",))}])
def test_a_session_that_ends_or_has_no_schedule_is_never_due(values):
    assert not rules.is_due(replace(KEEPS, **values), [], later(DAY))


def test_the_newest_backup_that_counts_comes_back():
    older, newer = a_backup("alice-1.1"), a_backup("alice-2.1", begun_at=later(9))
    broken = a_backup("alice-3.1", begun_at=later(99), state=BackupState.WRITTEN)
    assert choosing.to_restore([older, broken, newer]) == newer


def test_nothing_comes_back_where_nothing_counts_or_nothing_is_wanted():
    assert choosing.to_restore([a_backup(state=BackupState.FAILED)]) is None
    assert choosing.to_restore([a_backup()], "none") is None


def test_a_backup_that_is_named_comes_back_though_there_is_a_newer_one():
    older, newer = a_backup("alice-1.1"), a_backup("alice-2.1", begun_at=later(9))
    assert choosing.to_restore([newer, older], "alice-1.1") == older


def test_a_named_backup_that_does_not_count_is_refused_and_the_newest_that_does_is_offered():
    broken = a_backup("alice-2.1", state=BackupState.FAILED, reason="it differs")
    with pytest.raises(Refused, match=r"alice-2.1 is failed: it differs; the newest that can be restored is alice-1.1"):
        choosing.to_restore([broken, a_backup("alice-1.1")], "alice-2.1")


def test_the_backup_of_another_user_cannot_be_named():
    with pytest.raises(NotFound, match=r"no backup of this user and blueprint is named 'bob-1.1'; there is none"):
        choosing.to_restore([], "bob-1.1")


def test_what_was_not_read_back_never_counts():
    with pytest.raises(RefusedMove, match=r"backup alice-1.1 cannot go from writing to verified"):
        check_backup_move("alice-1.1", BackupState.WRITING, BackupState.VERIFIED)


def test_a_session_is_the_same_work_as_another_of_its_user_and_blueprint():
    other = replace(KEEPS, id="alice-2")
    assert choosing.is_of_same_work(other, KEEPS)
    assert not choosing.is_of_same_work(KEEPS, KEEPS)
    assert not choosing.is_of_same_work(replace(other, user="bob"), KEEPS)


@pytest.mark.parametrize(
    ("restore", "brings"), [(None, False), ("", False), ("none", False), ("newest", True), ("alice-1.1", True)]
)
def test_where_work_does_not_come_back_by_itself_a_request_may_ask_for_it(restore, brings):
    stays = replace(KEEPS, keep=replace(KEEPS.keep, comes_back=False), options={"restore": restore} if restore else {})
    assert choosing.brings_back(stays) is brings
    assert choosing.brings_newest_back(stays) is (restore == "newest")


@pytest.mark.parametrize(("restore", "newest"), [("", True), ("newest", True), ("alice-1.1", False), ("none", False)])
def test_only_the_newest_backup_is_waited_for(restore, newest):
    assert choosing.brings_newest_back(replace(KEEPS, options={"restore": restore})) is newest


def test_a_session_of_no_known_user_gets_nothing_back():
    assert not choosing.brings_back(replace(KEEPS, user=""))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"state": InstanceState.QUEUED}, "only a session that runs"),
        ({"keep": KeptWork()}, "name folders in the field"),
    ],
)
def test_a_backup_of_what_cannot_be_backed_up_is_refused_with_what_to_do(values, said):
    with pytest.raises(Refused, match=said):
        rules.check_can_be_backed_up(replace(KEEPS, **values))


def test_files_are_brought_back_into_a_session_that_runs_and_the_refusal_speaks_of_that():
    with pytest.raises(Refused, match="alice-1 is queued: files can only be brought back into a session that runs"):
        rules.check_can_get_files(replace(KEEPS, state=InstanceState.QUEUED))
    with pytest.raises(Refused, match="name folders in the field"):
        rules.check_can_get_files(replace(KEEPS, keep=KeptWork()))
    rules.check_can_get_files(KEEPS)


def test_what_was_made_of_an_earlier_session_of_the_same_name_is_not_a_session_s_own():
    session, backups = (
        an_instance(user="", created_at=later(10)),
        [a_backup("alice-1.1"), a_backup("alice-1.2", begun_at=later(10))],
    )
    assert ids(choosing.own_backups(session, backups)) == ["alice-1.2"]
