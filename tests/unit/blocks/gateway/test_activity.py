"""What the kernel says of connections, as the gateway's activity reads it."""

from datetime import timedelta

import pytest

from blocks.gateway.activity import silence

pytestmark = pytest.mark.unit

ENDS = "127.0.0.1:8000 127.0.0.1:51234"


@pytest.mark.parametrize(("said", "milliseconds"), [("bytes_received:80 lastrcv:1200", 1200), ("bytes_received:80", 0)])
def test_a_connection_is_silent_since_it_received_something_and_ss_says_nothing_of_just_now(said, milliseconds):
    assert silence(f"0 0 {ENDS} cubic rto:204 {said}") == (ENDS, timedelta(milliseconds=milliseconds))


def test_a_connection_that_never_received_anything_is_not_known():
    assert silence(f"0 0 {ENDS} cubic rto:204 lastrcv:99") is None
