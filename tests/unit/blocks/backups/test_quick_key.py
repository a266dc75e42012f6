"""Which keys may be quick to try, and that the file of one is there as a whole."""

import json

import pytest

from blocks.backups.quick_key import KEYS, WORK, file_of, is_random, placed, quick_key
from blocks.stored.backup_store import BackupPlace

pytestmark = pytest.mark.unit

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm1234"  # as many, and as different, as those of a random key
MASTER = {"mac": {"k": "a", "r": "b"}, "encrypt": "c"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / KEYS).mkdir()
    return tmp_path


def test_the_key_that_an_installation_makes_and_the_next_one_are_random():
    place = BackupPlace.create().with_next()
    assert is_random(place.key.get_secret_value())
    assert is_random(place.next.get_secret_value())


@pytest.mark.parametrize(
    "key",
    [
        "",
        "k",
        f"{LETTERS}-",
        LETTERS[1:],
        f"+{LETTERS[1:]}",
        "Correct-horse-1-battery-staple-and-one-more"[:43],
        "x" * 43,
    ],
)
def test_a_key_that_was_chosen_is_not(key):
    assert is_random(LETTERS)
    assert not is_random(key)


def test_a_key_file_has_no_secret_in_the_clear_and_is_never_the_same_twice():
    (name, content), (another, _) = (quick_key(MASTER, "a key") for _ in range(2))
    told = json.loads(content)
    assert name != another
    assert {told["N"], told["kdf"]} == {WORK["N"], "scrypt"}
    assert b"a key" not in content
    assert b"encrypt" not in content


def test_a_file_is_found_by_its_whole_name_and_by_the_first_letters_that_restic_says(folder):
    file = placed(folder, "abcd1234" + "0" * 56, b"{}")
    assert file_of(folder, file.name) == file_of(folder, "abcd1234") == file
    assert [one.name for one in folder.iterdir()] == [KEYS]


@pytest.mark.parametrize("named", ["", "ab", "ff"], ids=["no name", "two files", "no file"])
def test_no_file_is_taken_for_another_one(folder, named):
    for name in ("ab1", "ab2"):
        placed(folder, name, b"{}")
    with pytest.raises(ValueError, match="unpack"):
        file_of(folder, named)
