"""Ask a session directly, past the gateway, whether it answers HTTP.

What answers may be a user's own program, which may send without end, or a byte at a time: the first line of the answer
is read, and no more, and it is waited for as long as one answer may take.
"""

import re
import socket
import time
from urllib.parse import quote

ANSWER_SECONDS = 5
LONGEST_LINE = 1024  # bytes
#: 200 to 499. An interim status is no answer: the gateway would not pass on what follows it.
_ANSWERED = re.compile(rb"HTTP/1\.[01] [2-4][0-9]{2}[ \r\n]")
_IN_A_PATH = "/%?&=:@+,;~!$'()*"  # what may stand in it beside letters and digits


def answers(address: str, port: int, path: str, authorization: str = "") -> bool:
    """Whether the notebook answers below 500. A socket that merely accepts, as Docker's does, is not an answer."""
    ends = time.monotonic() + ANSWER_SECONDS
    try:
        with socket.create_connection((address, port), ANSWER_SECONDS) as connection:
            connection.sendall(_request(address, port, path, authorization))
            return _ANSWERED.match(_first_line(connection, ends)) is not None
    except OSError:
        return False


def _request(address: str, port: int, path: str, authorization: str) -> bytes:
    host = f"[{address}]" if ":" in address else address
    told = {"Host": f"{host}:{port}", "Accept": "*/*", "User-Agent": "DockerDriver", "Connection": "close"}
    told |= {"Authorization": authorization} if authorization else {}
    lines = [f"GET {quote(path, safe=_IN_A_PATH)} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _first_line(connection: socket.socket, ends: float) -> bytes:
    """What came of it until the moment *ends*, of the clock that only grows."""
    heard = b""
    while b"\n" not in heard and len(heard) < LONGEST_LINE and (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        more = connection.recv(LONGEST_LINE)
        if not more:
            break
        heard += more
    return heard
