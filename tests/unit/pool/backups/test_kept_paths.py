"""Which files are kept."""

import pytest

from pool.backups.kept_paths import check_kept, is_left_out
from pool.errors import BadRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (".cache/pip/a", ".cache"),
        ("project/.cache/a", ".cache"),
        ("a.tmp", "*.tmp"),
        ("project/build/x/y", "project/build"),
        ("project/build/x", "/project/build/"),
    ],
)
def test_a_pattern_leaves_out_what_it_names_and_all_below(path, pattern):
    assert is_left_out(path, [pattern])


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("", "*.tmp"), ("cached", ".cache"), ("other/build", "project/build"), ("a.tmp.txt", "*.tmp"), ("A.TMP", "*.tmp")],
)
def test_a_pattern_leaves_out_nothing_else(path, pattern):
    assert not is_left_out(path, [pattern])


@pytest.mark.parametrize("path", ["home", "/", "", "/home/../etc", "/home/", "~/work"])
def test_a_path_that_names_no_folder_is_refused_with_what_to_write(path):
    with pytest.raises(BadRequest, match="by its whole path, as in /home/jovyan"):
        check_kept([path], [])


def test_a_pattern_of_everything_is_refused():
    with pytest.raises(BadRequest, match="would leave out everything"):
        check_kept(["/home"], ["*"])
