"""What a host answers about its disks."""

import subprocess

import pytest

from blocks.host_setup.disk_looks import files_in, look_for_files, room_in

pytestmark = pytest.mark.unit

FOLDERS = {"alice": "/layers/a", "bob": "/layers/b"}


@pytest.mark.parametrize(
    ("said", "room"),
    [
        (" 900 1000 90 100\n", 900),
        (" 900 1000 5 100\n", 50),
        (" 900 1000 0 0\n", 900),
        (" 900 1000 90 100\n 700 1000 90 100\n", 700),
    ],
    ids=["by blocks", "by inodes", "without a number of inodes", "of two disks"],
)
def test_there_is_room_for_what_blocks_and_inodes_allow_on_the_disk_that_has_less(said, room):
    assert room_in(said) == room


def test_files_are_counted_as_their_part_of_their_own_disk():
    assert files_in("1000 100 7 /layers/a\n5000 100 7 /layers/b\n", FOLDERS) == {"alice": 70, "bob": 350}


def test_a_folder_that_went_meanwhile_has_no_files_and_a_disk_that_makes_inodes_says_nothing_of_them():
    assert files_in("1000 100 7 /layers/a\n", FOLDERS) == {"alice": 70, "bob": 0}
    assert files_in("1000 0 7 /layers/a\n1000 0 7 /layers/b\n", FOLDERS) == {}


def test_the_script_counts_the_files_of_folders_and_passes_over_what_is_not_there(tmp_path):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "file").touch()
    folders = [str(tmp_path / "a folder"), str(tmp_path / "gone"), "/proc/self/mountinfo of none"]
    said = subprocess.run(["sh", "-c", look_for_files(folders)], capture_output=True, text=True, check=True).stdout
    assert said.split(maxsplit=3)[2:] == ["2", f"{tmp_path}/a folder\n"]
