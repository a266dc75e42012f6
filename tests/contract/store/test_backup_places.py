"""Places of backups are remembered, on both databases."""

import pytest

from blocks.backups.places import Places
from pool.backups.states import BackupCause, BackupState
from tests.rigs.fakes import FakeClock
from tests.rigs.pool_data import NOW, ask, claim_active, place

pytestmark = pytest.mark.contract


def test_a_place_that_was_seen_twice_is_remembered_and_a_new_one_is_free(store):
    places = Places(store, FakeClock())
    for _ in range(2):
        places.note("/srv/backups")
    assert "where one was" in places.why_none_is_made("/srv/backups/")
    assert places.why_none_is_made("/srv/others") == ""


def test_until_a_place_is_remembered_backups_that_count_keep_a_repository_from_being_made(store):
    places = Places(store, FakeClock())
    claim_active(store)
    ask(store)
    backup = store.backups.begin(place(store), BackupCause.REQUESTED, NOW)
    store.backups.move(backup.id, BackupState.WRITTEN, NOW)
    assert places.why_none_is_made("/srv/backups") == ""
    store.backups.move(backup.id, BackupState.VERIFIED, NOW)
    assert "backups are on record" in places.why_none_is_made("/srv/backups")
