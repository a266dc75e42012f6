"""What all runs of a process share where Prefect has each make its own: tokens, answers, checks, waits, authorities."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import Flow, flows, results
from prefect.client import orchestration
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.exceptions import ParameterTypeError
from prefect.settings import PREFECT_API_URL, temporary_settings

from runtime.worker import prefect_internals
from runtime.worker.server_outage import OutageWait

pytestmark = pytest.mark.contract


class GuardedServer:
    """Asks every request that changes something for a token, and knows those that it gave out since it forgot all."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/csrf-token":
            self.asked += 1
            owner, token = request.url.params["client"], f"token-{self.asked}"
            self.given[owner] = token
            return httpx.Response(200, json={"token": token, "client": owner, "expiration": "2999-01-01T00:00:00Z"})
        said = request.headers["Prefect-Csrf-Client"], request.headers["Prefect-Csrf-Token"]
        return httpx.Response(201) if said in self.given.items() else httpx.Response(403, text="Invalid CSRF token")


@pytest.fixture
def guarded(monkeypatch):
    """Clients of this process share their token, for the time of one test."""
    for client in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient):
        monkeypatch.setattr(client, "_add_csrf_headers", client._add_csrf_headers)
    prefect_internals.share_csrf_tokens()
    return GuardedServer()


def posted(server: Callable[[httpx.Request], httpx.Response]) -> int:
    """The status of a change by a client of its own."""
    with PrefectHttpxSyncClient(
        transport=httpx.MockTransport(server), base_url="http://prefect.invalid", enable_csrf_support=True
    ) as client:
        return client.post("/", content=b"{}").status_code


def test_clients_of_one_process_ask_for_one_token_against_forged_requests(guarded):
    async def posted_in_a_loop() -> int:
        async with PrefectHttpxAsyncClient(
            transport=httpx.MockTransport(guarded), base_url="http://prefect.invalid", enable_csrf_support=True
        ) as client:
            return (await client.post("/", content=b"{}")).status_code

    assert [posted(guarded), posted(guarded), asyncio.run(posted_in_a_loop()), guarded.asked] == [201, 201, 201, 1]


def test_a_client_whose_token_the_server_forgot_asks_for_another_one_for_all(guarded):
    posted(guarded)
    guarded.given.clear()
    assert [posted(guarded), posted(guarded), guarded.asked] == [201, 201, 2]


def test_a_server_that_wants_no_token_is_asked_once_by_all_clients(guarded):
    asked = []

    def unguarded(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(422, text="CSRF protection is disabled.") if "csrf" in asked[-1] else httpx.Response(201)

    assert [posted(unguarded), posted(unguarded)] == [201, 201]
    assert asked == ["/csrf-token", "/", "/"]


def test_a_server_is_asked_for_its_result_storage_once_in_a_while(monkeypatch):
    asked = []
    for name in prefect_internals.RESULT_STORAGE:
        monkeypatch.setattr(results, name, getattr(results, name))
    monkeypatch.setattr(results, prefect_internals.RESULT_STORAGE[1], lambda: asked.append("once"))
    prefect_internals.remember_result_storage()
    get: Any = results.get_default_result_storage  # its decorator has one keyword more
    for _ in range(3):
        assert get(_sync=True)
    assert asked == ["once"]


def test_a_result_storage_that_is_asked_for_anew_is_what_runs_are_told(monkeypatch):
    answers = iter([uuid4(), uuid4()])

    async def ask() -> UUID:
        return next(answers)

    for name in prefect_internals.RESULT_STORAGE:
        monkeypatch.setattr(results, name, ask)
    ask_again = prefect_internals.remember_result_storage()
    told = getattr(results, prefect_internals.RESULT_STORAGE[0])

    async def asked() -> list[bool]:
        first = await told()
        newest = await ask_again()
        return [await told() == newest, await told() != first]

    assert asyncio.run(asked()) == [True, True]


def test_what_checks_a_flows_parameters_is_made_once_and_checks_as_before(monkeypatch):
    async def any_flow(number: int, words: list[str] | None = None) -> None:
        """Takes two parameters."""

    made: list[Any] = []

    def make(*said: Any, **more: Any) -> Any:
        made.append(said)
        return original(*said, **more)

    original = vars(prefect_internals)["ValidatedFunction"]
    monkeypatch.setattr(flows, "ValidatedFunction", original)
    monkeypatch.setattr(prefect_internals, "ValidatedFunction", make)
    prefect_internals.remember_parameters()
    checked: Flow[Any, Any] = Flow(any_flow, name="any")
    assert [checked.validate_parameters({"number": said})["number"] for said in ("1", "2")] == [1, 2]
    with pytest.raises(ParameterTypeError):
        checked.validate_parameters({"number": "three"})
    assert len(made) == 1


class Refusing:
    """A server that refuses the first connection."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.asked == 1:
            raise httpx.ConnectError("Connection refused")
        return httpx.Response(200, json=self.asked)


@pytest.fixture
def waiting(monkeypatch):
    """Requests of this process wait for their server, for the time of one test."""
    for client in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient):
        monkeypatch.setattr(client, "_send_with_retry", client._send_with_retry)
    wait = OutageWait(pause=0.01)
    prefect_internals.wrap_requests(wait.asynchronous, wait.synchronous)


def test_a_client_that_blocks_waits_for_a_server_that_refuses_connections(waiting):
    with PrefectHttpxSyncClient(transport=httpx.MockTransport(Refusing())) as client:
        assert client.get("http://prefect.invalid/").json() == 2


def test_a_client_in_a_loop_waits_for_a_server_that_refuses_connections(waiting):
    async def ask() -> int:
        async with PrefectHttpxAsyncClient(transport=httpx.MockTransport(Refusing())) as client:
            return (await client.get("http://prefect.invalid/")).json()

    assert asyncio.run(ask()) == 2


@pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "in a loop"])
def test_clients_of_one_process_read_the_machines_authorities_once(monkeypatch, blocks):
    made = []

    def create(**_):
        made.append(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", create)
    monkeypatch.setattr(orchestration, "ssl", ssl)
    prefect_internals.share_tls_contexts()
    with temporary_settings({PREFECT_API_URL: "http://prefect.invalid/api"}):
        for _ in range(3):
            orchestration.get_client(sync_client=blocks)
    assert len(made) == 1
