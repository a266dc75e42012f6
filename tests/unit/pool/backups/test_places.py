"""Where a repository of backups may be made."""

import pytest

from pool.backups.places import place_id, why_none_is_made

pytestmark = pytest.mark.unit

HERE, ELSEWHERE = place_id("/srv/backups"), place_id("s3:https://s3.example.org/backups")


def test_in_a_new_place_a_repository_is_made_whether_or_not_there_are_backups_in_others():
    assert why_none_is_made(HERE, {ELSEWHERE}, has_backups=True) == ""
    assert why_none_is_made(HERE, set(), has_backups=False) == ""


def test_where_one_was_none_is_made_and_the_refusal_names_the_ways_out():
    why = why_none_is_made(HERE, {HERE}, has_backups=False)
    for words in ("where one was", "mount it", "name another place", "restic init"):
        assert words in why


def test_backups_of_before_places_were_remembered_may_be_in_any_place():
    assert "backups are on record" in why_none_is_made(HERE, set(), has_backups=True)


def test_a_place_is_the_same_with_a_slash_at_its_end_and_its_id_shows_no_password_of_it():
    assert place_id("/srv/backups/") == HERE
    assert "secret" not in place_id("rest:https://backups:secret@example.org/")
