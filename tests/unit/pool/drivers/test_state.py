"""What may be the key and the value of a driver's record, and when it expires."""

import math
from typing import Any

import pytest

from pool.drivers.state import MOST_BYTES, as_json, check_key, check_limit, check_namespace, check_prefix, expiry
from pool.errors import BadRequest
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize("key", ["a\0b", "two\nlines", "", "k" * 256, "\ud800", "turned \u202e around"])
def test_a_key_that_a_database_or_a_log_cannot_hold_is_refused_in_one_line(key):
    with pytest.raises(BadRequest, match="is not 1 to 255 printable characters") as refused:
        check_key(key)
    assert "\n" not in str(refused.value)
    assert "\0" not in str(refused.value)


def test_keys_in_all_scripts_are_good_and_so_is_the_longest():
    for key in ("jobs/17", "Ärger mit %_ und 'q'", "作業/1", "k" * 255):
        check_key(key)


@pytest.mark.parametrize("namespace", ["", "my driver", "-driver", "d" * 64, "a/b", "a\0"])
def test_a_namespace_is_a_drivers_name(namespace):
    with pytest.raises(BadRequest, match="like BatchDriver"):
        check_namespace(namespace)


@pytest.mark.parametrize(
    "value", [{1: "a"}, (1, 2), {"a": (1,)}, b"bytes", {1, 2}, math.nan, "\ud800", 10**5000, DEEP], ids=range(9)
)
def test_what_is_not_json_or_would_come_back_otherwise_is_refused_without_being_shown(value):
    with pytest.raises(BadRequest, match="the value of key 'k' is not JSON") as refused:
        as_json("k", value)
    assert len(str(refused.value)) < 200


def test_a_value_may_have_1_mb_as_it_is_stored_and_not_a_byte_more():
    most = "ä" * ((MOST_BYTES - 2) // 2)
    assert len(as_json("k", most).encode()) == MOST_BYTES
    with pytest.raises(BadRequest, match=r"has 1048577 bytes as JSON; it may have 1048576 \(1 MB\)"):
        as_json("k", most + "a")


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e12])
def test_an_expiry_is_in_seconds_from_now_ten_years_at_most(seconds):
    with pytest.raises(BadRequest, match="expires_in is"):
        expiry(seconds, NOW)
    assert expiry(90, NOW) == later(90)
    assert expiry(None, NOW) is None


def test_lists_are_bounded_and_so_is_a_prefix():
    for limit in (0, 1001):
        with pytest.raises(BadRequest, match="1 to 1000 records"):
            check_limit(limit)
    with pytest.raises(BadRequest, match="prefix"):
        check_prefix("a\0")
