"""What a command on a host may write: a host that was taken over may write without an end."""

import time
from itertools import repeat
from typing import Any

import pytest

from blocks.host_setup.shell import KEPT_ERROR_BYTES, MOST_BYTES, _chunks, _last_errors

pytestmark = pytest.mark.unit


class Channel:
    """A channel of paramiko's whose other end writes these pieces, with a pause before each."""

    def __init__(self, pieces, pause: float = 0) -> None:
        self._pieces, self._pause = iter(pieces), pause
        self.closed = False

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self, _size: int) -> bytes:
        time.sleep(self._pause)
        return next(self._pieces, b"")

    recv_stderr = recv

    def close(self) -> None:
        self.closed = True


def test_what_a_command_writes_comes_whole():
    pieces = [b"x" * 65536] * (MOST_BYTES // 65536)
    channel: Any = Channel(pieces)
    assert b"".join(_chunks(channel, channel.recv, MOST_BYTES, time.monotonic() + 5)) == b"".join(pieces)


@pytest.mark.parametrize(
    "channel", [Channel(repeat(b"x" * 65536)), Channel(repeat(b"x"), pause=0.01)], ids=["much", "long"]
)
def test_what_is_written_without_an_end_is_given_up(channel):
    begun = time.monotonic()
    with pytest.raises(OSError, match="it writes without an end"):
        b"".join(_chunks(channel, channel.recv, MOST_BYTES, begun + 0.3))
    assert time.monotonic() - begun < 20


def test_of_much_that_is_written_of_errors_the_last_is_kept():
    channel: Any = Channel([b"x" * 65536] * 80 + [b"the reason"])  # 5 MB
    kept = _last_errors(channel, time.monotonic() + 5)
    assert (len(kept), kept[-10:], channel.closed) == (KEPT_ERROR_BYTES, b"the reason", False)


def test_errors_without_an_end_close_the_channel_so_that_its_output_is_waited_for_no_longer():
    channel: Any = Channel(repeat(b"x" * 65536))
    with pytest.raises(OSError, match="it writes without an end"):
        _last_errors(channel, time.monotonic() + 5)
    assert channel.closed
