"""The calls of Prefect's REST API that the command makes: the ones a platform would make."""

import contextlib
import json
import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from blocks.addresses.listening import refuse_strangers
from pool.errors import BadRequest, DockerDriverError, NotFound, Refused

LOOPBACK = "127.0.0.1"
BUSY_SECONDS = 120  # SQLite behind Prefect waits up to 60 s for its lock
ANSWER_SECONDS = 5
PAGE = 200
SUCCEEDED = "Finished in state Completed("
PAUSED = "PAUSED"
#: How a run that failed says that there is nothing of a name: "no host is named main-99; known: main-01".
_NAMES_NOTHING = re.compile(r"no [a-z, ]+ (is|was ever) named ")
#: How the server refuses a parameter of a run that is not of its form; the parameter, and why, is what people look for.
OF_A_PARAMETER = re.compile(r"^Error creating flow run: Validation failed for field '([^']+)'\. Failure reason: ")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class PrefectApi:
    """A client of Prefect's server. Safe to make before the server runs.

    With a password, each question raises `Refused` where another account has taken the server's port of this machine.

    Args:
        url: of the API.
        password: "user:password"; empty: none.
        account: that the server may run as, besides root.
        authorities: PEM file of what the server's certificate is of; empty: authorities that are known everywhere.

    Raises:
        Refused: that file cannot be read.
    """

    def __init__(self, url: str, password: str = "", account: str = "", authorities: str = "") -> None:
        self._url = url
        user, _, its_password = password.partition(":")
        login = httpx.BasicAuth(user, its_password) if password else None
        has_tls = not url.startswith("http:")  # to read the authorities that are known everywhere takes 30 ms
        trust = _trust_in(authorities) if authorities else has_tls
        self._client = httpx.Client(base_url=url, auth=login, timeout=30, trust_env=False, verify=trust)
        if login and self._client.base_url.host == LOOPBACK:
            self._client.event_hooks = {"request": [partial(_refuse_strangers, account)]}

    def healthy(self) -> bool:
        """Whether the server is there, as it says to everyone, also while it waits for its database."""
        with contextlib.suppress(httpx.HTTPError):
            return self._client.get("/health").is_success
        return False

    def answers(self) -> bool:
        """Whether the server answers in time what it has to read in its database; with the right password."""
        return not self.trouble()

    def trouble(self) -> str:
        """Say why the server does not answer what it has to read in its database, and what to see to; empty: it does.

        Both are parted by "; ".
        """
        try:
            answer = self._client.post("/flows/count", json={}, timeout=ANSWER_SECONDS)
        except httpx.ConnectError as error:
            return f"Prefect's API at {self._url} {_why_not_reached(str(error))}"
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            return f"Prefect's API at {self._url} does not answer ({said}); see that the manager runs, and its log"
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            said = "does not take the password of this machine"
            return f"Prefect's API at {self._url} {said}; bring it the manager's, which the playbook does"
        if not answer.is_success:
            said = f"answers {answer.status_code}"
            return f"Prefect's API at {self._url} {said}; see the log of the manager's server: its database may be away"
        return ""

    def wait_until_it_answers(self, seconds: float, log: Path) -> None:
        """Ask until it answers.

        Raises:
            DockerDriverError: it does not, in all that time.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise DockerDriverError(f"Prefect's server does not answer at {self._url}; see {log}")
            time.sleep(0.2)

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One call; asked again while the server is busy (503, or no answer in time), as every caller must.

        Every call that is made here may be made twice.

        Raises:
            NotFound: 404.
            Refused: the password is not the server's.
            DockerDriverError: any other refusal, or no answer.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        while (answer := self._ask(method, path, body)) is None or answer.status_code == 503:
            if time.monotonic() > deadline:
                raise DockerDriverError(f"Prefect's server at {self._url} is too busy to answer {method} {path}")
            time.sleep(0.2)
        return _checked(answer, f"{method} {path}")

    def _ask(self, method: str, path: str, body: dict) -> httpx.Response | None:
        """Return the server's answer, or None when it has none in time."""
        try:
            return self._client.request(method, path, json=body or None)
        except (httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ReadError):
            return None
        except httpx.HTTPError as error:
            raise DockerDriverError(
                f"Prefect's server at {self._url} does not answer ({error}): {self._hint}"
            ) from None

    @property
    def _hint(self) -> str:
        """What to look at: a stack of this machine, or the manager where this one has workers alone."""
        here = urlsplit(self._url).hostname in ("127.0.0.1", "localhost")
        return "does the stack run? `make up` starts it" if here else "does the manager run, and this machine reach it?"

    def trigger(self, deployment: str, key: str | None = None, **parameters: Any) -> str:
        """Ask for a run of the deployment ``<flow>/<name>``; its id. The same *key* never starts a second one.

        Raises:
            NotFound: there is no such deployment.
        """
        try:
            found = self.call("GET", f"/deployments/name/{deployment}")
        except NotFound:
            said = f"no deployment is named {deployment!r}: Prefect's UI lists those that are, `make up` registers all"
            raise NotFound(said) from None
        body = {"parameters": parameters, "idempotency_key": key or uuid4().hex}
        return self.call("POST", f"/deployments/{found['id']}/create_flow_run", **body)["id"]

    def state(self, run: str) -> dict:
        """Return the run's state, with type, name and message."""
        return self.call("GET", f"/flow_runs/{run}")["state"]

    def run_to_its_end(
        self,
        deployment: str,
        seconds: float,
        key: str | None = None,
        watch: Callable[[str], None] = lambda _: None,
        **parameters: Any,
    ) -> str:
        """Ask for a run of a deployment and wait until it is completed; its last message.

        Args:
            deployment: ``<flow>/<name>``.
            seconds: that it may take.
            key: the same one never starts a second run.
            watch: called with the run's id at each look.

        Raises:
            NotFound: it failed since there is nothing of a name that it was given, as its own sentence says.
            DockerDriverError: it ended otherwise, with its own sentence, or not in all that time.
        """
        return self.await_end(self.trigger(deployment, key, **parameters), deployment, seconds, watch)

    def await_end(
        self, run: str, deployment: str, seconds: float, watch: Callable[[str], None] = lambda _: None
    ) -> str:
        """Wait until a run is completed; its last message. All else is as in :meth:`run_to_its_end`."""
        deadline = time.monotonic() + seconds
        while (state := self.state(run))["type"] not in ENDED:
            if time.monotonic() > deadline:
                raise DockerDriverError(f"{deployment} is {state['name']} after {seconds} s; does the warm worker run?")
            if state["type"] == PAUSED:
                raise DockerDriverError(
                    f"{deployment} waits until it is confirmed in Prefect's UI (flow run {run}); with --yes it does not"
                )
            watch(run)
            time.sleep(0.2)
        if state["type"] != "COMPLETED":
            said = state["message"] or f"{deployment} ended as {state['name']}"
            raise NotFound(said) if _NAMES_NOTHING.match(said) else DockerDriverError(said)
        return str(state["message"] or f"{deployment} is completed")

    def table(self, key: str) -> list[dict]:
        """Return the rows of the latest artifact of this key.

        Raises:
            NotFound: there is none.
        """
        return json.loads(self.call("GET", f"/artifacts/{key}/latest")["data"])

    def table_of(self, run: str, key: str) -> list[dict]:
        """Return the rows that this run left; the newest where it left none, for what stays the same is written once.

        Raises:
            NotFound: there is no artifact of this key.
        """
        wanted = {"key": {"any_": [key]}, "flow_run_id": {"any_": [run]}}
        found = self.call("POST", "/artifacts/filter", artifacts=wanted, limit=1)
        return json.loads(found[0]["data"]) if found else self.table(key)

    def block_names(self, kind: str) -> list[str]:
        """List the names of all saved blocks of a kind, such as ``pool-config``, sorted."""
        return sorted(one["name"] for one in self.call("GET", f"/block_types/slug/{kind}/block_documents"))

    def runs(self, flows: list[str], **wanted: Any) -> list[dict]:
        """Return the newest runs of these flows, narrowed by Prefect's own filter of flow runs."""
        body = {"flows": {"name": {"any_": flows}}, "sort": "EXPECTED_START_TIME_DESC", "limit": 20}
        return self.call("POST", "/flow_runs/filter", **body, flow_runs=wanted)

    def last_log(self, runs: list[str]) -> str:
        """Return the newest log line of any of these runs; empty when there is none.

        Prefect's own last line of a run or step that succeeded says nothing of what goes on.
        """
        body = {"logs": {"flow_run_id": {"any_": runs}}, "sort": "TIMESTAMP_DESC", "limit": 10}
        found = self.call("POST", "/logs/filter", **body) if runs else []
        lines = (line["message"].strip().split("\n")[0] for line in found)
        return next((line for line in lines if not line.startswith(SUCCEEDED)), "")

    def cancel_all(self, message: str) -> int:
        """Mark every run of ours that waits or is under way as cancelled: its workers are gone. How many these were.

        Runs of other projects on the same server are left alone.
        """
        under_way = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]}}
        wanted = {"state": under_way, "deployment_id": {"any_": self._our_deployments()}}
        runs = self._all("/flow_runs/filter", sort="ID_DESC", flow_runs=wanted)
        state = {"type": "CANCELLED", "name": "Cancelled", "message": message}
        open_runs = [run["id"] for run in runs if not run["auto_scheduled"] or run["state"]["type"] != "SCHEDULED"]
        for run in open_runs:
            self.call("POST", f"/flow_runs/{run}/set_state", state=state, force=True)
        return len(open_runs)

    def _our_deployments(self) -> list[str]:
        deployments = self._all("/deployments/filter", sort="NAME_ASC")
        return [known["id"] for known in deployments if (known["entrypoint"] or "").startswith("flows.")]

    def _all(self, path: str, **wanted: Any) -> list[dict]:
        """All that a filter finds: the server answers with 200 at most."""
        found: list[dict] = []
        while len(page := self.call("POST", path, **wanted, limit=PAGE, offset=len(found))) == PAGE:
            found += page
        return found + page


def _trust_in(authorities: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:  # of which those of TLS are
        raise Refused(f"DD_AUTHORITIES: {authorities} cannot be read ({error}); bring it to this machine") from None


def _why_not_reached(said: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in said:
        why = "; see that DD_AUTHORITIES has the authority of its certificate, that this is for the name in DD_API_URL"
        return f"has a certificate that this machine does not believe ({said}){why}, and that clocks agree"
    return f"cannot be reached ({said}); see that DD_API_URL leads to the manager, and that the manager runs"


def _checked(answer: httpx.Response, what: str) -> Any:
    if answer.status_code == 404:
        raise NotFound(f"Prefect's server knows no {what}")
    if answer.status_code == 401:
        raise Refused("Prefect's server does not take the password on file: `make up` starts it anew, with that one")
    if answer.status_code in (409, 422) and (sentence := _sentence(answer)):
        raise BadRequest(sentence)
    if not answer.is_success:
        raise DockerDriverError(f"Prefect's server refused {what} ({answer.status_code}): {answer.text[:300]}")
    return answer.json() if answer.content else None


def _sentence(answer: httpx.Response) -> str:
    """Return the refusal's own sentence, as the server has it for a block or a parameter; empty: it has none."""
    with contextlib.suppress(ValueError):
        detail = answer.json().get("detail")
        return OF_A_PARAMETER.sub(r"\1: ", detail) if isinstance(detail, str) else ""
    return ""


def _refuse_strangers(account: str, request: httpx.Request) -> None:
    """Asked before each request: the server may have ended meanwhile, and its port be another's."""
    if request.url.port:
        refuse_strangers(request.url.port, account)
