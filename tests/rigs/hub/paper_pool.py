"""A pool of paper: what the platforms' client asks of Prefect's API is answered at once, and sessions are pages."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx

_OPENS = ("queued", "starting", "running")


@dataclass
class PaperPool:
    """Sessions by id. A test says what becomes of them by its fields."""

    url: str = "http://pool.test"
    begins_as: str = "running"  # the state of a session that was asked for
    refusal: str = ""  # why every request is refused
    away: bool = False  # answers 503
    link_to: Callable[[str], str] | None = None  # makes the links to another gateway's sessions; else they are pages
    sessions: dict[str, dict] = field(default_factory=dict)
    asked: list[tuple[str, dict]] = field(default_factory=list)  # each run once: its flow and parameters
    _runs: dict[str, dict] = field(default_factory=dict)
    _tickets: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def flows(self) -> list[str]:
        return [flow for flow, _ in self.asked]

    def move(self, state: str, *instance_ids: str, **more: str) -> None:
        """Move these sessions, or all."""
        for each in instance_ids or list(self.sessions):
            self.sessions[each] |= {"state": state} | more

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as httpx's transport."""
        body = json.loads(request.content) if request.content else {}
        status, said = self.answer(request.method, request.url.path.removeprefix("/api"), body)
        return httpx.Response(status, json=said)

    def answer(self, method: str, path: str, body: dict) -> tuple[int, object]:
        """Answer a request to Prefect's API."""
        if self.away:
            return 503, {"detail": "away"}
        for pattern, act in self._acts().items():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                said = act(body, *found.groups())
                return (200, said) if said is not None else (404, {"detail": "not found"})
        return 404, {"detail": "no such path"}

    def _acts(self) -> dict[str, Callable]:
        return {
            r"GET /deployments/name/([\w-]+)/on-demand": lambda _, flow: {"id": flow},
            r"POST /deployments/([\w-]+)/create_flow_run": self._run,
            r"GET /flow_runs/([\w-]+)": lambda _, run: self._by_id(run),
            r"POST /flow_runs/filter": lambda body: [],
            r"GET /artifacts/instance-([\w-]+)/latest": lambda _, session: self._told(session),
            r"POST /artifacts/filter": lambda body: self._left_by(body["artifacts"]["flow_run_id"]["any_"][0]),
        }

    def _by_id(self, run: str) -> dict | None:
        return next((each for each in self._runs.values() if each["id"] == run), None)

    def _told(self, session: str) -> dict | None:
        if session not in self.sessions:
            return None
        said = self.sessions[session]
        opens = {"launch_url": self._link(session)} if said["state"] in _OPENS else {}
        return {"key": f"instance-{session}", "data": json.dumps([said | opens])}

    def _left_by(self, run: str) -> list[dict]:
        return [{"data": json.dumps((self._by_id(run) or {}).get("table", []))}]

    def _run(self, body: dict, flow: str) -> dict:
        if body["idempotency_key"] not in self._runs:
            self.asked.append((flow, body["parameters"]))
            run = {"id": f"run-{next(self._numbers)}", "parameters": body["parameters"]}
            self._runs[body["idempotency_key"]] = run | getattr(self, f"_{flow.replace('-', '_')}")(body["parameters"])
        return self._runs[body["idempotency_key"]]

    def _provision_instance(self, said: dict) -> dict:
        if self.refusal:
            return _state("FAILED", self.refusal)
        session = said["instance_id"]
        begins = {"state": self.begins_as, "url": f"{self.url}/{session}/", "host": "main-01"}
        self.sessions.setdefault(session, {"instance_id": session, "user": said["user"]} | begins)
        return _state("COMPLETED")

    def _deprovision_instance(self, said: dict) -> dict:
        if said["instance_id"] in self.sessions:
            self.move("deleted", said["instance_id"], end_cause="requested")
        return _state("COMPLETED")

    def _issue_link(self, said: dict) -> dict:
        session = said["instance_id"]
        if self.sessions.get(session, {}).get("state") != "running":
            return _state("FAILED", f"instance {session} does not run")
        return _state("COMPLETED") | {"table": [{"instance_id": session, "launch_url": self._link(session)}]}

    def _instance_logs(self, said: dict) -> dict:
        return _state("COMPLETED") | {"table": [{"line": f"{said['instance_id']} says hello"}]}

    def _link(self, session: str) -> str:
        if self.link_to:
            return self.link_to(session)
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets[ticket] = session
        return f"{self.url}/{session}/dd-launch?ticket={ticket}"

    def page(self, path: str) -> tuple[int, str]:
        """Open a session by a link: once."""
        session = self._tickets.pop(path.partition("ticket=")[2].partition("&")[0], "")
        said = self.sessions.get(session, {})
        return (200, f"session {session} of {said['user']} is {said['state']}") if said else (401, "no link")


def _state(kind: str, message: str | None = None) -> dict:
    return {"state": {"type": kind, "name": kind.title(), "message": message}}


@contextmanager
def served(pool: PaperPool) -> Iterator[PaperPool]:
    """Serve it on a port of its own: Prefect's API below /api, sessions beside it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/api/"):
                status, text = pool.page(self.path)
                return self.send(status, "text/html", f"<h1>{text}</h1>")
            return self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = pool.answer(self.command, self.path.removeprefix("/api"), json.loads(body or "{}"))
            self.send(status, "application/json", json.dumps(said))

        def send(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pool.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield pool
        finally:
            server.shutdown()
