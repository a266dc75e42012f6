"""Blame: whose fault it is that an engine did not do something, and what follows from that. Sorted once, here.

A host is drained after so many errors in a row; a request, blueprint or image that no engine can run must not drain it.
The words are those of Docker Engine 20.10 to 28 and of runc; `tests/integration/hosts/test_blame.py` asks a real one.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Party(StrEnum):
    """What has to change before it works."""

    REQUEST = "request"
    BLUEPRINT = "blueprint"
    IMAGE = "image"
    HOST = "host"
    NETWORK = "network"


@dataclass(frozen=True)
class Blame:
    """What one kind of trouble means."""

    party: Party
    again: bool  # the same step on the same host may work the next time
    elsewhere: bool  # another host may do it
    counts: bool  # as an error of the host


class _Row(NamedTuple):
    statuses: tuple[int, ...]  # that the engine answers with; none: any, also none at all
    words: str  # that are in its answer
    blame: Blame


BAD_REQUEST = Blame(Party.REQUEST, again=False, elsewhere=False, counts=False)
BAD_BLUEPRINT = Blame(Party.BLUEPRINT, again=False, elsewhere=False, counts=False)
BAD_IMAGE = Blame(Party.IMAGE, again=False, elsewhere=False, counts=False)
IMAGE_GONE = Blame(Party.IMAGE, again=False, elsewhere=True, counts=False)
NAME_TAKEN = Blame(Party.REQUEST, again=True, elsewhere=True, counts=False)  # two tries of one session may have met
OTHERS_NAME = Blame(Party.REQUEST, again=False, elsewhere=True, counts=False)  # of another installation
CONTAINER_GONE = Blame(Party.REQUEST, again=True, elsewhere=True, counts=False)  # ended while it was started
NO_SPACE = Blame(Party.HOST, again=False, elsewhere=True, counts=True)
PORT_TAKEN = Blame(Party.HOST, again=False, elsewhere=True, counts=True)
NO_NETWORK = Blame(Party.HOST, again=False, elsewhere=True, counts=False)  # for a list, or that is closed
TOO_MANY_FILES = Blame(Party.BLUEPRINT, again=False, elsewhere=True, counts=False)  # more than that engine may give
NO_GPUS = Blame(Party.HOST, again=False, elsewhere=True, counts=False)  # of a pool that says its hosts have some
HOSTS_OWN = Blame(Party.HOST, again=True, elsewhere=True, counts=True)
UNREACHABLE = Blame(Party.NETWORK, again=True, elsewhere=True, counts=True)

#: The first row that fits counts. What a request or a blueprint may have put into the words comes before the words of a
#: machine that lacks something: a session whose environment says "no space left on device" must not drain its host.
_TABLE = (
    _Row((), r"^(invalid|bad) environment variable|container init: environment variable", BAD_REQUEST),
    _Row((400, 500), r"exec format error|Cannot mkdir: |No command specified", BAD_IMAGE),
    _Row((400, 413, 422), r"", BAD_BLUEPRINT),
    _Row((404,), r"No such image|not found: manifest|image .* not found", IMAGE_GONE),
    _Row((404,), r"No such container", CONTAINER_GONE),
    _Row((409,), r"container name .* is already in use", NAME_TAKEN),
    _Row((409,), r"already in progress|is marked for removal|is dead|is not running", CONTAINER_GONE),
    _Row((), r"unable to find (user|group) |[ug]ids and [ug]ids must be in range", BAD_BLUEPRINT),
    _Row((), r'container process: exec(:| ")|chdir to cwd |argument list too long', BAD_BLUEPRINT),
    _Row((), r"available, non-overlapping IPv4 address pool", NO_NETWORK),
    _Row((), r"could not select device driver|nvidia-container-cli", NO_GPUS),
    _Row((), r"error setting rlimit|setrlimit", TOO_MANY_FILES),
    _Row((), r"no space left on device|disk quota exceeded", NO_SPACE),
    _Row((), r"port is already allocated|address already in use", PORT_TAKEN),
    _Row((), r"invalid diffID|cannot load \w+ image on|invalid tar header|no matching manifest for", BAD_IMAGE),
    _Row((), r"containerd\.sock", HOSTS_OWN),
    _Row((), r"dial (tcp|udp)|i/o timeout|TLS handshake|no such host|connection re(set|fused)", UNREACHABLE),
)
_READ = tuple((row.statuses, re.compile(row.words, re.IGNORECASE), row.blame) for row in _TABLE)


def blame_for(status: int | None, words: str) -> Blame:
    """Judge what an engine answered.

    Args:
        status: of its HTTP answer; None where the trouble came inside of a stream that began well.
        words: its explanation.

    Returns:
        What follows; what is in no row is the host's own trouble, which may pass.
    """
    rows = ((blame, pattern) for statuses, pattern, blame in _READ if not statuses or status in statuses)
    return next((blame for blame, pattern in rows if pattern.search(words)), HOSTS_OWN)
