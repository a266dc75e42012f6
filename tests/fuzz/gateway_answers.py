"""Hostile answers of a session, through a real nginx: ``make fuzz NAME=gateway_answers SECONDS=600``.

One client connection carries requests for a hostile session, for an honest one and for the gateway itself, one after
the other or all at once; several such clients, each with a hostile session of its own, are at work together. Whatever a
hostile session says, the others' answers are whole and their own, and its own answer says nothing in the gateway's
name. The last line is JSON: how many answers there were, how many of them crossed.
"""

import argparse
import contextlib
import json
import random
import socket
import socketserver
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from blocks.gateway.template import ORIGIN_HEADERS
from pool.records import SESSION_PORTS
from tests.fuzz.hostile_http import EVIL, hostile_answer, wish
from tests.rigs.clean_end import end_by_sigterm_as_by_interrupt
from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import NO_LIMITS, RunningGateway, only_routes, route_to, running_gateway
from tests.rigs.ports import free_port

HONEST = route_to(0, "honest").id
CLIENTS = 12  # at work together: most of the time, each waits for an answer that does not end
PATIENCE = 0.5  # seconds that a client waits for an answer which the hostile session began and does not end
NO_BODY = (204, 205, 304)
GO_ON = b"HTTP/1.1 100 Continue"  # nginx's own, to a client that expects it; nothing of a session's may look so
TO_NGINX = ("Redirect", "Expires", "Limit-Rate", "Buffering", "Charset")
FOR_ALL = {name.lower() for name in (*ORIGIN_HEADERS, *(f"X-Accel-{name}" for name in TO_NGINX))}
SHOWN = 20  # answers that crossed, of those that are printed


class _Hostile(socketserver.BaseRequestHandler):
    """Answers every head of a request with the pieces of the present answer, and perhaps hangs up."""

    server: "_Server"

    def handle(self) -> None:
        self.request.settimeout(5)
        heard = b""
        with contextlib.suppress(OSError):
            while more := self.request.recv(65536):
                heard += more
                while b"\r\n\r\n" in heard:
                    heard = heard.partition(b"\r\n\r\n")[2]
                    pieces, hangs_up = self.server.answer
                    for piece in pieces:
                        self.request.sendall(piece)
                        time.sleep(0.001 * (len(pieces) > 1))
                    if hangs_up:
                        return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 128
    answer: tuple[Sequence[bytes], bool] = ((), True)


@contextlib.contextmanager
def hostile_session() -> Iterator[_Server]:
    """A session whose next answers are its attribute ``answer``: pieces of bytes, and whether it then hangs up."""
    with _Server(("127.0.0.1", free_port(SESSION_PORTS)), _Hostile) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@dataclass(frozen=True)
class Answer:
    """One answer as a browser takes it off a connection."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class NoHttpError(Exception):
    """What stands where an answer should begin is none; or the answer's framing is broken."""


class Client:
    """A connection that is kept, and answers taken off it as strictly as nginx writes them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._heard, self.over = b"", False

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def answer(self, method: str) -> Answer | None:
        """The next answer, or None when the connection ended or stays silent before it was whole."""
        head = self._until(b"\r\n\r\n")
        if head == GO_ON:
            head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        lines = head.decode("latin-1").split("\r\n")
        if not lines[0].startswith("HTTP/1.1 ") or not lines[0][9:12].isdigit():
            raise NoHttpError(lines[0])
        headers = tuple((name.lower(), value) for name, _, value in (line.partition(": ") for line in lines[1:]))
        body = self._body(method, int(lines[0][9:12]), dict(headers))
        if body is None:
            self._rest()  # of this answer, whose end never came
            return None
        return Answer(int(lines[0][9:12]), headers, body)

    def _body(self, method: str, status: int, headers: dict[str, str]) -> bytes | None:
        if method == "HEAD" or status in NO_BODY:
            return b""
        if status == 101:  # all that follows is the session's; _judge() asks whether it may be
            return self._rest()
        if status < 200:
            raise NoHttpError(f"an interim answer {status}")
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        return self._rest()

    def _chunks(self) -> bytes | None:
        whole = b""
        while (line := self._until(b"\r\n")) is not None:
            size = int(line, 16)
            chunk = self._exactly(size)
            end = self._until(b"\r\n")
            if chunk is None or end is None:
                return None
            if end:
                raise NoHttpError(end.decode("latin-1"))
            if not size:
                return whole
            whole += chunk
        return None

    def _rest(self) -> bytes:
        while self._more():
            pass
        rest, self._heard = self._heard, b""
        return rest

    def _exactly(self, size: int) -> bytes | None:
        while len(self._heard) < size:
            if not self._more():
                return None
        taken, self._heard = self._heard[:size], self._heard[size:]
        return taken

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._heard:
            if not self._more():
                return None
        taken, _, self._heard = self._heard.partition(mark)
        return taken

    def _more(self) -> bool:
        if not self.over:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            self.over = not data
            self._heard += data
        return not self.over

    def left(self) -> bytes:
        """What was heard and belongs to no answer; the connection is closed."""
        self._socket.close()
        return self._heard


class Fuzz:
    """Rounds of hostile answers; what became of them is counted."""

    def __init__(self, gateway: RunningGateway, hostile: _Server, name: str, seed: str) -> None:
        self._gateway, self._hostile = gateway, hostile
        self.route = route_to(hostile.server_address[1], name)
        self._random = random.Random(seed)
        self.outcomes = Counter[str]()
        self.crossings: list[str] = []

    def run(self, over: threading.Event) -> None:
        """Go on until it is over."""
        while not over.is_set():
            self.round()

    def round(self) -> None:
        """One hostile answer, to some requests of one connection."""
        answer = hostile_answer(self._random)
        self._hostile.answer = self._pieces(answer), self._random.random() < 0.9
        requests = [self._request(name) for name in self._order()]
        before = len(self.crossings)
        client = Client(self._gateway.config.port)
        self._talk(client, requests, at_once=self._random.random() < 0.5)
        left = client.left()
        if EVIL in left:
            self.crossings.append(f"after the last answer: {left[:200]!r}")
        self.outcomes["answers"] += 1
        self.outcomes["crossed"] += len(self.crossings) > before
        if len(self.crossings) > before and len(self.crossings) < SHOWN:
            print(f"{answer!r}\n  {self.crossings[-1]}", file=sys.stderr, flush=True)

    def _order(self) -> list[str]:
        return ["hostile", *self._random.choices(["hostile", "honest", "gateway"], k=3), "honest"]

    def _pieces(self, answer: bytes) -> tuple[bytes, ...]:
        cuts = sorted(self._random.randrange(len(answer) + 1) for _ in range(self._random.choice([0, 0, 0, 1, 2])))
        bounds = [0, *cuts, len(answer)]
        return tuple(answer[start:end] for start, end in pairwise(bounds))

    def _request(self, name: str) -> tuple[str, str, bytes, bytes]:
        """Whom it is for, its method, its bytes, and what an honest answer to it holds."""
        token = f"{self._random.getrandbits(64):016x}"
        if name == "gateway":
            return name, "GET", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"ok\n"
        if name == "honest":
            path = f"/notebooks/{HONEST}/{token}"
            return name, "GET", f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), f'"path": "{path}"'.encode()
        method, request = wish(self._random, f"/notebooks/{self.route.id}/{token}")
        return name, method, request, b""

    def _talk(self, client: Client, requests: list[tuple[str, str, bytes, bytes]], at_once: bool) -> None:
        if at_once:
            client.send(b"".join(request for _, _, request, _ in requests))
        for name, method, request, honest in requests:
            if not at_once:
                client.send(request)
            try:
                answer = client.answer(method)
            except (NoHttpError, ValueError) as error:
                self.crossings.append(f"no answer of nginx's, for the {name} request: {error!r}"[:300])
                return
            if answer is None:
                self.outcomes["ended"] += 1
                return
            self._judge(name, answer, honest)
            if answer.status == 101 and b"Upgrade: websocket\r\nConnection: Upgrade" not in request:
                self.crossings.append(f"a tunnel that {request!r} did not ask for"[:300])
            if answer.status == 101:
                self.outcomes["websockets"] += 1
                return

    def _judge(self, name: str, answer: Answer, honest: bytes) -> None:
        if name == "hostile":
            self.outcomes["passed"] += 1
            if wrong := [header for header in answer.headers if _is_for_all(self.route.id, *header)]:
                self.crossings.append(f"spoke for the whole origin: {wrong}"[:300])
        elif honest not in answer.body or EVIL in answer.body or EVIL.decode() in str(answer.headers):
            self.crossings.append(f"the {name} request was answered {answer}"[:300])


def _is_for_all(route: str, name: str, value: str) -> bool:
    if name == "set-cookie":  # read as browsers do, for whom the last one of a name counts (RFC 6265, 5.2 and 5.3)
        parts = (part.partition("=") for part in value.split(";")[1:])
        said = {key.strip(" \t").lower(): text.strip(" \t") for key, _, text in parts}
        return "domain" in said or not said.get("path", "").startswith(f"/notebooks/{route}/")
    return name in FOR_ALL


def fuzz(seconds: float, seed: int) -> dict[str, int]:
    """Have all clients at work for so long; what became of the answers."""
    with contextlib.ExitStack() as stack:
        gateway, honest = stack.enter_context(running_gateway(**NO_LIMITS)), stack.enter_context(http_backend())
        sessions = [stack.enter_context(hostile_session()) for _ in range(CLIENTS)]
        all_of_it = [Fuzz(gateway, session, f"hostile{n}", f"{seed} {n}") for n, session in enumerate(sessions)]
        only_routes(gateway.client, [*(one.route for one in all_of_it), route_to(honest.port, "honest")])
        workers, over = gateway.workers(), threading.Event()
        with ThreadPoolExecutor(CLIENTS) as threads:
            running = threads.map(lambda one: one.run(over), all_of_it)
            try:
                over.wait(seconds)
            finally:  # also where it is interrupted
                over.set()
            list(running)
        outcomes = sum((one.outcomes for one in all_of_it), Counter())
        figures = {name: outcomes[name] for name in ("answers", "crossed", "passed", "ended", "websockets")}
        seen = gateway.client.activity().routes
        cut_off = sum(seen[one.route.id].cut_off for one in all_of_it if one.route.id in seen)
        return figures | {"workers_lost": len(workers - gateway.workers()), "cut_off": cut_off}


def main() -> int:
    """Fuzz for so many seconds, then say in JSON what became of the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="repeats a run")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    end_by_sigterm_as_by_interrupt()
    print(f"seed {options.seed}", flush=True)
    figures = fuzz(options.seconds, options.seed)
    text = json.dumps(figures)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 1 if figures["crossed"] or figures["workers_lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
