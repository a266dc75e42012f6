"""What the user of a session is told by an operator."""

import pytest

from pool.errors import BadRequest
from pool.open_pages.messages import Level, Scope, SessionMessage, check_words, message_for
from tests.rigs.pool_data import later

pytestmark = pytest.mark.unit


def said(scope: Scope, subject: str, words: str, at: int = 0) -> SessionMessage:
    return SessionMessage(scope, subject, words, Level.INFO, later(at), later(3600))


def test_of_all_that_concerns_a_session_what_was_said_last_is_shown():
    messages = [
        said(Scope.ALL, "", "to all", 1),
        said(Scope.HOST, "main-01", "to its host", 3),
        said(Scope.SESSION, "alice-1", "to it", 2),
    ]
    assert message_for("alice-1", "main-01", messages) == messages[1]


@pytest.mark.parametrize(("scope", "subject"), [(Scope.HOST, "main-02"), (Scope.SESSION, "bob-1")])
def test_what_is_said_to_others_is_not_shown(scope, subject):
    assert message_for("alice-1", "main-01", [said(scope, subject, "to others")]) is None


def test_a_session_that_is_called_like_a_host_does_not_hear_what_is_said_there():
    assert message_for("main-01", "main-02", [said(Scope.HOST, "main-01", "to the host")]) is None


@pytest.mark.parametrize("words", ["two\nlines", "a bell \a", "turned \u202e around", "x" * 301])
def test_what_cannot_be_shown_as_one_line_is_refused(words):
    with pytest.raises(BadRequest, match="the message has"):
        check_words(words)


@pytest.mark.parametrize("words", ["", "x" * 300, "<b>bold</b> & 'more'", "Grüße, 你好"])
def test_one_line_in_any_script_is_taken_as_it_is(words):
    check_words(words)
