"""What is shown of a session's log."""

import pytest

from pool.errors import BadRequest
from pool.sessions.log_lines import MOST_CHARACTERS, check_lines, log_lines
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.unit

ADA = an_instance("ada-1", route="r0ute", token="t0ken")


def test_the_last_lines_are_shown_oldest_first():
    assert log_lines("one\ntwo\nthree\n", ADA, 2) == ["two", "three"]
    assert log_lines("", ADA, 2) == []


def test_the_sessions_token_and_route_are_hidden():
    assert log_lines("http://0.0.0.0/notebooks/r0ute/lab?token=t0ken", ADA, 9) == [
        "http://0.0.0.0/notebooks/…/lab?token=…"
    ]


@pytest.mark.parametrize("sign", ["\x1b[31m", "\0", "\u202e", "\x07"])
def test_a_secret_is_hidden_also_where_it_is_written_with_what_is_not_shown_in_it(sign):
    assert log_lines(f"r0u{sign}te t0{sign}ken", ADA, 9) == ["… …"]


def test_a_session_that_has_no_token_any_more_hides_none():
    assert log_lines("plain", an_instance(token=""), 9) == ["plain"]


def test_what_would_colour_or_turn_a_terminal_is_left_out():
    assert log_lines("\x1b[31mred\x1b[0m\tand\x07 \u202eturned\x1b]0;title\x07", ADA, 9) == [
        "red     and turned]0;title"
    ]


def test_a_log_without_an_end_is_cut_to_its_last_lines_and_each_line_to_its_beginning():
    shown = log_lines("x" * 10_000_000 + "\n" + "y" * 5_000 + "\nlast\n", ADA, 1000)
    assert [len(line) for line in shown] == [2_001, 2_001, 4]
    shown = log_lines(("z" * 1_999 + "\n") * 1_000, ADA, 1_000)
    assert MOST_CHARACTERS - 2_000 <= sum(len(line) + 1 for line in shown) <= MOST_CHARACTERS


@pytest.mark.parametrize("lines", [0, -1, 1001])
def test_a_number_of_lines_that_is_not_answered_is_refused(lines):
    with pytest.raises(BadRequest, match=f"^lines is {lines}; it must be 1 to 1000$"):
        check_lines(lines)
