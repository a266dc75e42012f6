"""What a platform is told of a session whose end waits for its backup."""

import pytest

from pool.backups.states import BackupCause, BackupState
from pool.records import KeptWork
from pool.reports.end_notices import end_notice
from pool.reports.visitor_notices import notice_of
from pool.states import EndCause, InstanceState
from tests.rigs.pool_data import a_backup, an_instance
from tests.rigs.present import present

pytestmark = pytest.mark.unit

ENDS = an_instance(state=InstanceState.STOPPING, end_cause=EndCause.EXPIRED, keep=KeptWork(("/home",)))
FAILED = a_backup(state=BackupState.FAILED, reason="the store is away")


def test_a_session_that_is_being_saved_says_why_it_ends_and_until_when_that_is_waited_for():
    said = "Its time was over. What is kept of it is being saved. It ends without that at 2026-01-05 09:00 UTC."
    assert end_notice(ENDS, [], 3600) == said
    assert end_notice(ENDS, [], None) == "Its time was over. What is kept of it is being saved."


def test_what_was_wrong_with_the_last_try_is_told_and_not_what_was_wrong_with_an_earlier_backup():
    assert end_notice(ENDS, [FAILED], 3600).endswith("09:00 UTC. The last try failed: the store is away")
    scheduled = a_backup(state=BackupState.FAILED, reason="the store is away", cause=BackupCause.SCHEDULED)
    again = a_backup("alice-1.2", state=BackupState.WRITING)
    for backups in ([scheduled], [again, FAILED]):
        assert "away" not in end_notice(ENDS, backups, 3600)


def test_an_end_that_waits_for_no_backup_has_no_notice():
    assert end_notice(ENDS, [a_backup()], 3600) == ""
    assert end_notice(an_instance(state=InstanceState.STOPPING), [], 3600) == ""


def test_once_it_is_saved_its_visitors_do_not_read_that_it_is_being_saved():
    assert present(notice_of(ENDS, saving=False)).words == "Its time was over."


def test_its_visitors_read_the_same_words_and_neither_host_nor_store():
    assert present(notice_of(ENDS)).words == "Its time was over. What is kept of it is being saved."
    assert present(notice_of(an_instance(state=InstanceState.DELETED, keep=ENDS.keep))).words == "It could not go on."
