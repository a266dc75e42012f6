"""What the kernel says of connections, as the gateway's activity reads it."""

from datetime import timedelta

import pytest

from blocks.gateway.activity import silence, silences_of_connections
from pool.errors import GatewayTrouble

pytestmark = pytest.mark.unit

ENDS = "127.0.0.1:8000 127.0.0.1:51234"


@pytest.mark.parametrize(("said", "milliseconds"), [("bytes_received:80 lastrcv:1200", 1200), ("bytes_received:80", 0)])
def test_a_connection_is_silent_since_it_received_something_and_ss_says_nothing_of_just_now(said, milliseconds):
    assert silence(f"0 0 {ENDS} cubic rto:204 {said}") == (ENDS, timedelta(milliseconds=milliseconds))


def test_a_connection_that_never_received_anything_is_not_known():
    assert silence(f"0 0 {ENDS} cubic rto:204 lastrcv:99") is None


@pytest.mark.parametrize("line", ["", "garbled", "0 0 127.0.0.1:8000"])
def test_a_line_that_names_no_connection_is_passed_over(line):
    assert silence(line) is None


@pytest.mark.parametrize("line", [f"0 0 {ENDS}", f"0 0 {ENDS} bytes_received:odd lastrcv:odd"])
def test_a_connection_of_which_ss_says_oddly_counts_as_one_that_is_used(line):
    assert silence(line) == (ENDS, timedelta())


def test_without_ss_the_activity_is_unknown_and_not_an_error_of_the_whole_look(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GatewayTrouble, match="ss does not list"):
        silences_of_connections()
