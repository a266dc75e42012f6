"""A console's last words: for people, and without the host's private key, which cloud-init may write there."""

import pytest

from blocks.clouds.console import HIDDEN, last_words, quoted
from blocks.stored.host_keys import new_host_key

pytestmark = pytest.mark.unit

KEY = new_host_key().private


def test_colours_and_empty_lines_go_and_the_last_lines_stay():
    assert last_words("one\r\n\r\n\x1b[0;32mtwo\x1b[0m\r\nthree\n", 2) == "two\nthree"


def test_a_private_key_is_hidden_and_what_stands_around_it_is_not():
    told = last_words(f"cannot read:\n{KEY}\nno network", 50)
    assert told == f"cannot read:\n{HIDDEN}\nno network"


@pytest.mark.parametrize("first", range(1, len(KEY.splitlines())))
def test_a_key_that_the_log_was_cut_in_is_hidden_too(first):
    lines = KEY.splitlines()[first:]
    assert last_words("\n".join([*lines, "no network"]), 50) == f"{HIDDEN}\nno network"


@pytest.mark.parametrize("last", range(2, len(KEY.splitlines())))
def test_no_line_of_a_key_whose_end_is_missing_stays(last):
    told = last_words("\n".join(KEY.splitlines()[:last]), 50)
    assert not any(line in told for line in KEY.splitlines()[1:-2])


def test_a_line_of_a_key_that_begins_like_a_path_is_hidden_too():
    line = "/" + KEY.splitlines()[2][1:]
    assert last_words(f"cannot read:\n{line}", 5) == f"cannot read:\n{HIDDEN}"


def test_paths_and_sentences_stay():
    line = "File /usr/lib/python3/dist-packages/cloudinit/sources/DataSourceConfigDrive2.py, line 42, in get_data"
    assert last_words(line, 5) == line


def test_in_a_sentence_it_is_one_line_of_its_last_lines():
    assert quoted("one\n  two\nthree", lines=2) == "two / three"
