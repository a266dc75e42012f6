"""What is filled into commands, environments and the header: names, once, and nothing that a name could lead to."""

import pytest

from pool.records import ProxyOptions
from pool.sessions.filling import auth_header_of, fill

pytestmark = pytest.mark.unit

WORDS = {"user": "{token}", "token": "t0ken"}


@pytest.mark.parametrize(
    "text", ["{}", "{", "}", "{0}", "{token.__class__}", "{token[0]}", "{token!r}", "${HOME}", "{{}}"]
)
def test_all_that_is_no_known_name_in_braces_stays_as_it_is(text):
    assert fill(text, WORDS) == text


def test_what_was_filled_in_is_not_looked_at_again():
    assert fill("{user}:{token}", WORDS) == "{token}:t0ken"


def test_a_header_is_filled_with_the_sessions_token_and_user():
    proxy = ProxyOptions(auth_header="Basic {user}:{token} {other}")
    assert auth_header_of(proxy, "secret", "alice") == "Basic alice:secret {other}"
