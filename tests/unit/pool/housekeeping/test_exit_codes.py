"""What an exit code stands for."""

import pytest

from pool.housekeeping.found import exit_words

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "1"),
        (128, "128"),
        (137, "137 (SIGKILL: it was killed)"),
        (139, "139 (SIGSEGV)"),
        (143, "143 (SIGTERM)"),
        (255, "255"),  # no signal has this number
    ],
)
def test_an_exit_code_is_said_with_the_signal_that_it_stands_for(code, words):
    assert exit_words(code) == words
