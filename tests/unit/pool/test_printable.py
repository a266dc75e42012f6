"""Names of people in all scripts can be seen; what breaks or turns a line cannot pass for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.printable import is_printable

pytestmark = pytest.mark.unit

NAMES = [
    "\u5c71\u7530\u3000\u592a\u90ce",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "O\u2019Neill",
    "Ce\u0301line",
    "\u0936\u094d\u200d\u092f\u093e\u092e",
    "\u0639\u061c\u0644\u06cc",
    "\U0001f469\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f",
    "",
]


@pytest.mark.parametrize(
    "name", NAMES, ids=["ideographic space", "Persian", "Irish", "combining", "Hindi", "Arabic", "emoji", "no name"]
)
def test_a_name_is_printable_in_any_script(name):
    assert is_printable(name)


@pytest.mark.parametrize("sign", ["\n", "\x00", "\x7f", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800", "\U000e0041"])
def test_what_breaks_a_line_or_turns_or_hides_text_is_not(sign):
    assert not is_printable(f"a{sign}b")


@given(st.text())
def test_printable_text_stays_on_one_line(text):
    assert not is_printable(text) or len(text.splitlines()) < 2
