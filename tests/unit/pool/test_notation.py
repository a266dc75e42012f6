"""Lists, times and sizes as operators write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.errors import BadRequest
from pool.notation import read_assignment, read_list, read_megabytes, read_seconds, write_list
from pool.timetable import split_timetable

pytestmark = pytest.mark.unit

DAYS = st.sampled_from(["Mon", "Mon,Wed", "Tue-Thu,Sat", "daily"])
ENTRIES = st.builds("{} 08:45-12:00: {}".format, DAYS, st.integers(0, 999))


@pytest.mark.parametrize("text", ["a,b", "a, b,", "a;b", "a\nb\n", '["a", "b"]'])
def test_a_list_is_written_in_one_of_several_ways(text):
    assert read_list(text) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[2001:db8::1]:5000/lab:1, rocker/rstudio", ["[2001:db8::1]:5000/lab:1", "rocker/rstudio"]),
        ("[::1]", ["[::1]"]),
        (" [::ffff:10.0.0.1] ;b", ["[::ffff:10.0.0.1]", "b"]),
    ],
)
def test_an_address_in_brackets_may_be_the_first_of_a_list(text, words):
    assert read_list(text) == words


@given(st.lists(st.text(max_size=20), max_size=5))
def test_a_list_that_is_written_is_read_again(words):
    assert read_list(write_list(words)) == words


@given(st.text(max_size=60))
def test_any_text_is_a_list_of_texts_without_blanks_around_them_or_is_refused(text):
    try:
        words = read_list(text)
    except BadRequest:
        return
    assert read_list(write_list(words)) == words


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.sampled_from([", ", ",", "; ", "\n"]))
def test_lines_of_a_timetable_are_told_apart_whatever_stands_between_them(entries, sign):
    if sign.strip() != "," and len(entries) == 1:
        sign = ","
    assert split_timetable(sign.join(entries)) == entries


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("0", 0),
        ("0\x1f", 0),
        ("5m", 300),
        ("5 min", 300),
        ("4h", 14400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2D", 172800),
        ("90 seconds", 90),
        ("5 mins", 300),
        ("1 hour 30 minutes", 5400),
        ("2hrs", 7200),
        ("1 day", 86400),
        ("2w", 1209600),
    ],
)
def test_a_time_is_seconds_or_says_its_units(text, seconds):
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("512", 512), ("512M", 512), ("2G", 2048), ("2 GiB", 2048), ("1tb", 1 << 20), ("512Mi", 512), ("2gi", 2048)],
)
def test_a_size_is_megabytes_or_says_its_unit(text, megabytes):
    assert read_megabytes(text) == megabytes


@pytest.mark.parametrize("text", ["", "-1", "1.5h", "h", "5 parsecs", "5m later", "500ms", "5 dayss"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(BadRequest, match="is no time; write seconds"):
        read_seconds(text)


@given(st.integers(0, 10**9))
def test_a_number_is_itself(number):
    assert read_seconds(str(number)) == read_seconds(f"{number}s") == read_megabytes(f"{number}M") == number


def test_an_assignment_has_a_name_and_its_value_may_have_equals_signs():
    assert read_assignment(" reason =a=b", "pool=main") == ("reason", "a=b")
    for word in ("pool", "=main", " = "):
        with pytest.raises(BadRequest, match="sets nothing: write NAME=value, like pool=main"):
            read_assignment(word, "pool=main")
