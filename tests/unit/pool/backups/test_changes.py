"""What changed between two lists of a container, and whether a backup may be of that alone."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from pool.backups import changes as rules
from pool.backups.changes import REQUEST, WORTH, Below, Changes, Noted, base_of, changes_since, is_worth_it
from pool.backups.inventory import UNSETTLED, Inventory
from pool.backups.states import BackupState
from tests.rigs.pool_data import NOW, a_backup
from tests.rigs.present import present

pytestmark = pytest.mark.unit

FOLDER, FILE, DELETED = "41ed", "81a4", "2000"
HOME = {"home": (FOLDER, 1), "home/a": (FILE, 2), "home/d": (FOLDER, 3), "home/d/b": (FILE, 4)}
LARGE = (FILE, 5, 20 * REQUEST)
BASE = a_backup(size=100 << 20)


def stamp(kind: str, inode: int, size=3, links=1, changed=0, status=0) -> bytes:
    return (
        f"{kind} 1000 100 {size} {inode} {links} 2026-01-05 07:00:{changed:02} +0000 2026-01-05 07:00:{status:02} +0000"
    ).encode()


def listed(files: dict) -> Inventory:
    return Inventory({name.encode(): stamp(*facts) for name, facts in files.items()})


def since(after: dict, before: dict = HOME) -> Changes:
    return present(changes_since(listed(before), listed(after)))


def with_file(name: str, **how) -> Inventory:
    return Inventory({**listed(HOME).files, name.encode(): stamp(*HOME[name], **how)})


def changed(name: str, **how) -> Changes:
    return present(changes_since(listed(HOME), with_file(name, **how)))


def noted(**values) -> Noted:
    usual: dict[str, Any] = {"backup": BASE.id, "read_at": NOW, "links": False, "inventory": Inventory({})}
    return Noted(**usual | values)


def test_where_all_is_as_it_was_nothing_changed():
    assert since(HOME).nothing


def test_a_file_whose_status_alone_is_later_is_read_anew():
    assert changed("home/a", status=9).fetched == (b"home/a",)


def test_a_new_file_is_read_and_its_folder_told_of():
    after = {**listed(HOME | {"home/d/c": (FILE, 9)}).files, b"home/d": stamp(FOLDER, 3, changed=5)}
    found = present(changes_since(listed(HOME), Inventory(after)))
    assert (found.fetched, [*found.folders], found.gone) == ((b"home/d/c",), [b"home/d"], ())
    assert (found.more_files, found.grown) == (1, 1024)


def test_what_is_below_a_folder_is_told_in_whatever_order_files_are_asked_for():
    below = Below({b"home/d", b"home/e/f"})
    asked = {
        b"home/a": False,
        b"home/d": True,
        b"home/d/b/c": True,
        b"home/e": False,
        b"home/e/f": True,
        b"home/e/g": False,
    }
    for names in permutations(asked):
        assert all(below.has(name) is asked[name] for name in names)


def test_a_home_has_grown_by_what_came_and_by_what_is_longer_less_what_is_gone():
    longer = {**listed(HOME).files, b"home/a": stamp(FILE, 2, size=2000), b"home/c": stamp(FILE, 9)}
    del longer[b"home/d/b"]
    found = present(changes_since(listed(HOME), Inventory(longer)))
    assert (found.grown, found.more_files) == ((512 + 2048) + 1024 - 1024 - 1024, 0)


def test_a_folder_whose_status_alone_is_later_is_as_it_was():
    assert changed("home/d", status=9).nothing


def test_a_file_that_is_not_listed_any_more_is_gone_and_a_folder_with_all_below():
    without = {name: facts for name, facts in HOME.items() if not name.startswith("home/d")}
    assert since(without).gone == (b"home/d",)


def test_a_file_of_the_image_that_was_deleted_is_gone():
    assert since(HOME | {"home/d": (DELETED, 8, 0, 2)}).gone == (b"home/d",)


def test_another_folder_in_the_place_of_one_is_read_anew_with_all_below():
    found = since(HOME | {"home/d": (FOLDER, 8)})
    assert (found.fetched, found.gone, found.to_read) == ((b"home/d",), (), 512 + 1024)


def test_two_folders_that_changed_places_are_read_anew():
    before = HOME | {"home/a": LARGE, "home/e": (FOLDER, 5), "home/e/b": (FILE, 6)}
    after = before | {"home/d": (FOLDER, 5), "home/d/b": (FILE, 6), "home/e": (FOLDER, 3), "home/e/b": (FILE, 4)}
    assert since(after, before).fetched == (b"home/d", b"home/e")


@pytest.mark.parametrize("name", ["home/a", "home/d"])
def test_what_was_not_settled_is_read_anew_though_it_is_the_same(name):
    unsettled = {name.encode(): UNSETTLED + stamp(*HOME[name])}
    found = present(changes_since(Inventory({**listed(HOME).files, **unsettled}), listed(HOME)))
    assert found.fetched == (name.encode(),)


def test_where_a_file_that_changed_has_two_names_it_cannot_be_told():
    assert changes_since(listed(HOME), with_file("home/a", links=2)) is None
    linked = HOME | {"home/d/b": (FILE, 4, 3, 2)}
    another = HOME | {"home/d": (FOLDER, 8), "home/d/b": (FILE, 4, 3, 2)}
    assert changes_since(listed(linked), listed(another)) is None
    assert since(linked, linked).nothing


def test_where_a_kept_folder_is_not_listed_at_all_it_cannot_be_told():
    assert changes_since(listed(HOME), Inventory({})) is None
    assert changes_since(listed(HOME), listed({"home": (DELETED, 8)})) is None
    assert changes_since(Inventory({}), Inventory({})) is None


def test_where_a_folder_above_what_is_kept_is_another_one_it_cannot_be_told():
    above = Inventory({**listed(HOME).files, b"/srv": b"41ed 7"})
    assert present(changes_since(above, above)).nothing
    assert changes_since(above, listed(HOME)) is None


def many(number: int, size: int) -> dict:
    return HOME | {f"home/d/{one}": (FILE, 100 + one, size) for one in range(number)}


def test_a_folder_is_read_as_a_whole_where_that_is_less_work_than_its_files_one_by_one():
    assert since(many(9, 100)).fetched == (b"home/d",)
    large = {"home/d/large": LARGE}
    assert len(since(many(9, 100) | large, HOME | large).fetched) == 9


def test_a_backup_may_stand_on_the_one_that_is_noted():
    assert base_of(noted(), [a_backup("alice-0.1"), BASE], NOW) == BASE


@pytest.mark.parametrize(
    ("values", "backup"),
    [
        ({"backup": "bob-1.1"}, {}),
        ({"read_at": NOW - timedelta(days=1)}, {}),
        ({"read_at": NOW + timedelta(seconds=1)}, {}),
        ({}, {"size": WORTH - 1}),
        ({}, {"state": BackupState.FORGOTTEN}),
        ({}, {"base": "alice-0.9"}),
    ],
    ids=["another's", "read long ago", "read tomorrow", "small", "forgotten", "its base is not known"],
)
def test_a_backup_stands_on_none_that_is_not_the_users_own_fresh_and_worth_it(values, backup):
    assert base_of(noted(**values), [replace(BASE, **backup)], NOW) is None


def test_backups_do_not_stand_on_each_other_without_end():
    row = [a_backup(f"alice-1.{one}", size=WORTH, base=f"alice-1.{one - 1}" if one else "") for one in range(99)]
    assert base_of(noted(backup=f"alice-1.{rules.MOST_DEPTH - 1}"), row, NOW)
    assert base_of(noted(backup=f"alice-1.{rules.MOST_DEPTH}"), row, NOW) is None


def test_backups_that_are_said_to_stand_on_each_other_in_a_ring_are_no_base():
    ring = [replace(BASE, id="alice-1.1", base="alice-1.2"), replace(BASE, id="alice-1.2", base="alice-1.1")]
    assert base_of(noted(backup="alice-1.1"), ring, NOW) is None


@pytest.mark.parametrize(
    ("changes", "links", "limit"),
    [
        (Changes(to_read=(25 << 20) + 1), False, 0),
        (Changes(fetched=tuple(b"%d" % one for one in range(65))), False, 0),
        (Changes(to_read=2 << 20), False, 101),
        (Changes(gone=(b"home/a",)), True, 0),
    ],
    ids=["much", "many files", "above the limit", "hard links"],
)
def test_where_reading_all_is_no_more_work_or_safer_all_is_read(changes, links, limit):
    assert not is_worth_it(changes, links, BASE, limit)
    assert is_worth_it(Changes(), links, BASE, 101)
