"""A platform that asks all the time: for sessions, for their ends, and for their answers."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from types import TracebackType
from uuid import uuid4

import httpx

from tests.reliability.accepted import Age, Request
from tests.reliability.tiny_stack import BLUEPRINT
from tests.rigs.stacks.stack import Stack

LIVES_SECONDS = 6.0  # of a session, before its end is asked for
REPEAT_SECONDS = 0.5
PATIENCE_SECONDS = 120  # after which a platform that gets no answer gives a request up
MOST_AT_ONCE = 64
ASK, END, READ = "ask", "end", "read"


class Traffic:
    """Requests at a steady rate, from the beginning of the context to its end.

    One that gets no answer is repeated under the same idempotency key, as the platform's guide says. What was answered
    with 201 is in `accepted`.
    """

    def __init__(self, stack: Stack, per_second: float, mix: Sequence[str] = (ASK, READ, END, READ, READ)) -> None:
        self.accepted: list[Request] = []
        self._stack, self._pause, self._mix = stack, 1 / per_second, cycle(mix)
        self._sessions: deque[tuple[float, str]] = deque()
        self._over = threading.Event()
        self._hands = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="platform")
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._deployments = {
            verb: stack.api("GET", f"/deployments/name/{flow}/on-demand").json()["id"]
            for verb, flow in ((ASK, "provision-instance"), (END, "deprovision-instance"))
        }

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Ask for nothing more but the ends of the sessions that are left."""
        self._over.set()
        self._thread.join()
        while self._sessions and kind is None:
            self._hands.submit(self._end, self._sessions.popleft()[1])
        self._hands.shutdown(cancel_futures=kind is not None)

    def _run(self) -> None:
        due = time.monotonic()
        verbs = {ASK: self._ask, READ: self._read}
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            verb = next(self._mix)
            if verb == END:
                self._end_the_oldest()
            else:
                self._hands.submit(verbs[verb])

    def _ask(self) -> None:
        session = f"soak-{uuid4().hex[:10]}"
        if run := self._post(ASK, instance_id=session, blueprint=BLUEPRINT):
            self.accepted.append(Request(Age.POSTED, session, run))
            self._sessions.append((time.monotonic(), session))

    def _end_the_oldest(self) -> None:
        if self._sessions and time.monotonic() - self._sessions[0][0] > LIVES_SECONDS:
            self._hands.submit(self._end, self._sessions.popleft()[1])

    def _end(self, session: str) -> None:
        if run := self._post(END, instance_id=session):
            self.accepted.append(Request(Age.ENDING, session, run, ends=True))

    def _read(self) -> None:
        sessions = list(self._sessions)
        if sessions:
            self._try("GET", f"/artifacts/instance-{sessions[-1][1]}/latest")

    def _post(self, verb: str, **parameters: str) -> str:
        """Id of the run; empty: there was no answer in all that time."""
        body = {"parameters": parameters, "idempotency_key": uuid4().hex}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if answer := self._try("POST", f"/deployments/{self._deployments[verb]}/create_flow_run", json=body):
                return str(answer["id"])
            time.sleep(REPEAT_SECONDS)
        return ""

    def _try(self, method: str, path: str, **body: object) -> dict | None:
        url = f"http://127.0.0.1:{self._stack.prefect_port}/api{path}"
        try:
            answer = httpx.request(method, url, auth=self._stack.login, timeout=30, trust_env=False, **body)  # type: ignore[arg-type]
            return answer.raise_for_status().json()
        except httpx.HTTPError:
            return None
