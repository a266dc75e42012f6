"""What the command makes of the runs that it asks Prefect's server for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from blocks.gateway.certificate import self_signed
from blocks.prefect.api import PAGE, PrefectApi
from pool.errors import BadRequest, DockerDriverError
from tests.rigs.services.tls_front import tls_front

pytestmark = pytest.mark.unit


class PaperApi(PrefectApi):
    """A server that tells of one run in these states, one after the other; the last one stays."""

    def __init__(self, *states: tuple[str, str | None]):
        super().__init__("http://prefect.invalid")
        self.states = [{"type": kind, "name": kind.title(), "message": message} for kind, message in states]

    def trigger(self, deployment: str, key: str | None = None, **parameters: object) -> str:
        self.asked = deployment, key, parameters
        return "run-1"

    def state(self, run: str) -> dict:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


class TalkingApi(PrefectApi):
    """A server that has these lines of a run, the newest first."""

    def __init__(self, *lines: str):
        super().__init__("http://prefect.invalid")
        self.lines = lines

    def call(self, method: str, path: str, **body: Any) -> Any:
        return [{"message": line} for line in self.lines]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (("Finished in state Completed()", "main-01 is active\nin 12 s", "older"), "main-01 is active"),
        (("Finished in state Completed('a host')",), ""),
        (("Finished in state Failed('no room')",), "Finished in state Failed('no room')"),
        ((), ""),
    ],
)
def test_what_a_run_says_is_shown_and_not_that_a_step_of_it_succeeded(lines, shown):
    assert TalkingApi(*lines).last_log(["run-1"]) == shown


def test_a_run_is_watched_until_it_is_completed():
    api, seen = PaperApi(("PENDING", None), ("RUNNING", None), ("COMPLETED", None)), list[str]()
    api.run_to_its_end("plan/on-demand", 10, key="once", watch=seen.append, pool="main")
    assert seen == ["run-1", "run-1"]
    assert api.asked == ("plan/on-demand", "once", {"pool": "main"})


def test_a_run_that_fails_says_its_own_sentence():
    with pytest.raises(DockerDriverError, match=r"^no pool is named 'x'$"):
        PaperApi(("FAILED", "no pool is named 'x'")).run_to_its_end("plan/on-demand", 10)


def test_a_run_that_ends_without_a_word_is_named():
    with pytest.raises(DockerDriverError, match=r"^plan/on-demand ended as Cancelled$"):
        PaperApi(("CANCELLED", None)).run_to_its_end("plan/on-demand", 10)


def test_a_run_that_no_worker_takes_is_given_up():
    with pytest.raises(DockerDriverError, match=r"^plan/on-demand is Scheduled after 0 s; does the warm worker run"):
        PaperApi(("SCHEDULED", None)).run_to_its_end("plan/on-demand", 0)


class PagingApi(PrefectApi):
    """A server with many runs, in pages as Prefect's."""

    def __init__(self, runs: list[dict]):
        super().__init__("http://prefect.invalid")
        self.pages: dict[str, list[dict]] = {
            "/deployments/filter": [
                {"id": "1", "entrypoint": "flows.sessions.why.why"},
                {"id": "2", "entrypoint": "a.py:b"},
            ],
            "/flow_runs/filter": runs,
        }
        self.wanted: dict[str, dict] = {}
        self.cancelled: list[str] = []

    def call(self, method: str, path: str, **body: Any) -> Any:
        if path not in self.pages:
            self.cancelled.append(path.split("/")[2])
            return None
        self.wanted[path] = body
        return self.pages[path][body["offset"] : body["offset"] + body["limit"]]


def test_all_that_is_under_way_is_cancelled_on_however_many_pages_it_stands():
    waiting = [{"id": str(n), "auto_scheduled": False, "state": {"type": "SCHEDULED"}} for n in range(2 * PAGE + 1)]
    api = PagingApi(waiting)
    assert api.cancel_all("taken down") == 2 * PAGE + 1
    assert len(set(api.cancelled)) == 2 * PAGE + 1


def test_runs_of_another_projects_deployments_are_not_cancelled():
    api = PagingApi([])
    api.cancel_all("taken down")
    assert api.wanted["/flow_runs/filter"]["flow_runs"]["deployment_id"] == {"any_": ["1"]}


@contextmanager
def a_server(reads: int, detail: str = "") -> Iterator[str]:
    """One that says that it is there, and answers this status where it has to read in its database."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(reads)
            self.end_headers()
            self.wfile.write(json.dumps({"detail": detail}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("reads", "answers"), [(200, True), (503, False), (401, False)])
def test_a_server_answers_when_it_reads_its_database_and_not_when_it_is_merely_there(reads, answers):
    with a_server(reads) as url:
        assert (PrefectApi(url).healthy(), PrefectApi(url).answers()) == (True, answers)


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        (
            "Error creating flow run: Validation failed for field 'minutes'. Failure reason: 0 is less than 1",
            "minutes: 0 is less than 1",
        ),
        ("Error creating flow run: 'nope' was unexpected", "Error creating flow run: 'nope' was unexpected"),
    ],
)
def test_a_parameter_that_the_server_refuses_is_named_with_the_reason_and_nothing_else(detail, sentence):
    with a_server(409, detail) as url, pytest.raises(BadRequest, match=f"^{sentence}$"):
        PrefectApi(url).call("POST", "/deployments/7/create_flow_run")


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_a_certificate_of_no_authority_that_is_known_is_refused_and_believed_where_the_authority_is_named(
    scheme, tmp_path
):
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    with a_server(200) as plain, tls_front(int(plain.rpartition(":")[2]), certificate, key) as port:
        url = f"{scheme}://127.0.0.1:{port}"
        assert (PrefectApi(url).healthy(), PrefectApi(url, authorities=str(certificate)).healthy()) == (False, True)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (200, ""),
        (401, "does not take the password of this machine; bring it the manager's"),
        (503, "answers 503; see the log of the manager's server"),
    ],
)
def test_why_a_server_does_not_answer_is_a_sentence_with_what_to_see_to(status, says):
    with a_server(status) as url:
        said = PrefectApi(url, "admin:secret").trouble()
    assert (says in said, bool(said)) == (True, bool(says))
    assert "secret" not in said


def test_a_certificate_that_this_machine_does_not_believe_is_said_to_be_one(tmp_path):
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    with a_server(200) as plain, tls_front(int(plain.rpartition(":")[2]), certificate, key) as port:
        said = PrefectApi(f"https://127.0.0.1:{port}").trouble()
    assert "has a certificate that this machine does not believe" in said
    assert "see that DD_AUTHORITIES has the authority" in said
